use serde::Serialize;

use crate::{Problem, UserId, fields::Fields};

/// A user whom the caller may write to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Person {
    /// ID of the user.
    pub id: UserId,
    /// The user's current name, or their ID if none of their tokens had a name.
    pub name: String,
}

/// Response body of `GET /api/people`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PeoplePage {
    /// At most `limit` people by name, the caller included.
    pub people: Vec<Person>,
    /// Cursor that requests the next page; null on the last page.
    pub next_cursor: Option<String>,
}

/// The caller. Response body of `GET /api/me` and `PATCH /api/me`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Me {
    /// The caller's user ID.
    pub id: UserId,
    /// The caller's name, or their ID if none of their tokens had a name.
    pub name: String,
    /// Whether other members see how far the caller has read.
    pub receipts: bool,
}

/// Request body of `PATCH /api/me`. A missing field stays unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateMe {
    /// Whether other members see how far the caller has read. The caller's own devices see it in any case.
    pub receipts: Option<bool>,
}

impl UpdateMe {
    /// Parses a request body. Fails with a problem that names every invalid field.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let receipts = fields.boolean("receipts");
        fields.finish(Self { receipts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_must_be_a_boolean() {
        assert_eq!(UpdateMe::parse(br#"{"receipts":false}"#).unwrap().receipts, Some(false));
        assert_eq!(UpdateMe::parse(br#"{"receipts":null,"name":"Mum"}"#).unwrap().receipts, None);
        for body in [r#"{"receipts":"no"}"#, r#"{"receipts":0}"#] {
            assert_eq!(UpdateMe::parse(body.as_bytes()).unwrap_err().errors[0].field, "receipts");
        }
    }
}
