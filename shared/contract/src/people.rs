use serde::Serialize;

use crate::{ErrorCode, FieldError, FileId, Problem, UserId, fields::Fields};

/// A user whom the caller may write to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// ID of the user.
    pub id: UserId,
    /// The user's current name, or their ID if none of their tokens had a name.
    pub name: String,
    /// Link to the thumbnail of the user's picture, relative to the API's base URL: a JPEG of at most 1,024 × 1,024 pixels.
    /// Missing if the user has no picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
}

/// Response body of `GET /api/people`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PeoplePage {
    /// At most `limit` people, sorted by name, the caller included.
    pub people: Vec<Person>,
    /// Cursor that requests the next page; null on the last page.
    pub next_cursor: Option<String>,
}

/// The caller. Response body of `GET /api/me` and `PATCH /api/me`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// The caller's user ID.
    pub id: UserId,
    /// The caller's name, or their ID if none of their tokens had a name.
    pub name: String,
    /// Whether other members see how far the caller has read.
    pub receipts: bool,
    /// Link to the thumbnail of the caller's picture, relative to the API's base URL: a JPEG of at most 1,024 × 1,024 pixels.
    /// Missing if the caller has no picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
}

/// Request body of `PATCH /api/me`. A missing field stays unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "camelCase"))]
pub struct UpdateMe {
    /// Whether other members see how far the caller has read. The caller's own clients see it in any case.
    pub receipts: Option<bool>,
    /// ID of the file with the caller's picture: an image that the caller has uploaded and that is ready. Null removes the
    /// picture. A file that is no longer the picture is deleted, unless a message uses it.
    #[cfg_attr(feature = "schema", schemars(with = "Option<FileId>"))]
    pub avatar_file_id: Option<Option<FileId>>,
}

impl UpdateMe {
    /// Parses a request body. Fails with a problem that names every invalid field. Does not check whether the file can
    /// be the caller's picture.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let receipts = fields.boolean("receipts");
        let avatar_file_id = fields.nullable("avatarFileId", FileId::parse, "the ID of a file");
        fields.finish(Self { receipts, avatar_file_id })
    }

    /// Creates the problem of a picture that the caller cannot use. `message` is the reason, such as "must be an image".
    #[must_use]
    pub fn refused_picture(code: ErrorCode, message: &str) -> Problem {
        Problem::fields(code, vec![FieldError { field: "avatarFileId".into(), message: message.into() }])
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

    #[test]
    fn missing_picture_stays_and_null_removes_it() {
        let parse = |body: &str| UpdateMe::parse(body.as_bytes()).unwrap().avatar_file_id;
        assert_eq!((parse("{}"), parse(r#"{"avatarFileId":null}"#)), (None, Some(None)));
        assert_eq!(parse(r#"{"avatarFileId":"file_1"}"#), Some(FileId::parse("file_1")));
        for id in [r#""""#, "7", "{}", r#"["file_1"]"#, r#""thread_1""#, r#""file_""#, r#""file_1#2""#, "false"] {
            let problem = UpdateMe::parse(format!(r#"{{"avatarFileId":{id},"receipts":1}}"#).as_bytes()).unwrap_err();
            let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
            assert_eq!(fields, ["receipts", "avatarFileId"], "{id}");
        }
    }
}
