use serde::{Deserialize, Serialize};

use crate::{ErrorCode, FieldError, Problem, Timestamp, UserId, fields::Fields, limits};

/// The caller's own state in a thread: their read mark and their settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OwnState {
    /// The caller's read mark: they have read all messages up to this `seq`.
    pub read_seq: u64,
    /// The caller's settings for the thread.
    #[serde(flatten)]
    pub settings: ThreadSettings,
}

/// A member's settings for a thread. Only this member sees them. Response body of `PATCH /api/threads/{threadId}/me`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(any(feature = "schema", feature = "simulation"), derive(Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadSettings {
    /// Whether the member has archived the thread. It stays archived when messages arrive.
    pub archived: bool,
    /// Until when the member has muted the thread; null if they have not. A time in the past has no effect.
    pub muted_until: Option<Timestamp>,
}

/// How far a member has read a thread.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReadMark {
    /// ID of the member.
    pub user_id: UserId,
    /// The member has read all messages up to this `seq`.
    pub seq: u64,
}

/// Request body of `PUT /api/threads/{threadId}/read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MarkRead {
    /// The caller has read all messages up to this `seq`: the `seq` of a message in the thread, or 0.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = limits::SEQ)))]
    pub seq: u64,
}

impl MarkRead {
    /// Parses a request body. Fails with a problem that names the invalid field. Does not check whether the message
    /// exists.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let seq = fields.whole_number("seq", 0..=limits::SEQ).unwrap_or_default();
        fields.finish(Self { seq })
    }

    /// Creates the problem for a read mark beyond the thread's last message.
    #[must_use]
    pub fn beyond_the_end() -> Problem {
        let message = "must be the seq of a message in this thread, or 0";
        Problem::fields(ErrorCode::InvalidRequest, vec![FieldError { field: "seq".into(), message: message.into() }])
    }
}

/// Response body of `PUT /api/threads/{threadId}/read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MarkedRead {
    /// The caller's current read mark. It is larger than the requested `seq` if it was larger before: a read mark does
    /// not move back.
    pub read_seq: u64,
}

/// Request body of `PATCH /api/threads/{threadId}/me`. A missing field stays unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "camelCase"))]
pub struct UpdateSettings {
    /// Whether the thread is archived.
    pub archived: Option<bool>,
    /// Until when the thread is muted: a time in RFC 3339, from 1970 to 9999. Null ends the muting.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::AnyTime>"))]
    pub muted_until: Option<Option<Timestamp>>,
}

impl UpdateSettings {
    /// Parses a request body. Fails with a problem that names every invalid field.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let (archived, muted_until) = (fields.boolean("archived"), fields.nullable_time("mutedUntil"));
        fields.finish(Self { archived, muted_until })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn read_mark_must_be_a_whole_number() {
        for (given, seq) in [(json!(0), 0), (json!(17), 17), (json!(1.0), 1), (json!(limits::SEQ), limits::SEQ)] {
            let body = json!({"seq": given, "x": 1}).to_string();
            assert_eq!(MarkRead::parse(body.as_bytes()).unwrap().seq, seq);
        }
        for seq in [json!(-1), json!(1.5), json!("17"), Value::Null, json!(true), json!(limits::SEQ + 1), json!(1e300)]
        {
            let problem = MarkRead::parse(json!({"seq": seq}).to_string().as_bytes()).unwrap_err();
            assert_eq!((problem.code, problem.errors[0].field.as_str()), (ErrorCode::InvalidRequest, "seq"), "{seq}");
        }
        assert_eq!(MarkRead::parse(b"{}").unwrap_err().errors.len(), 1);
    }

    #[test]
    fn missing_settings_stay_unchanged_and_null_ends_the_mute() {
        let parse = |body: &str| UpdateSettings::parse(body.as_bytes()).unwrap();
        assert_eq!(parse("{}"), UpdateSettings { archived: None, muted_until: None });
        assert_eq!(parse(r#"{"mutedUntil":null}"#).muted_until, Some(None));
        let until = Timestamp::from_millis(1_757_034_300_000);
        let settings = parse(r#"{"archived":true,"mutedUntil":"2025-09-05T03:05:00+02:00"}"#);
        assert_eq!(settings, UpdateSettings { archived: Some(true), muted_until: Some(Some(until)) });
    }

    #[test]
    fn error_names_every_invalid_setting() {
        let invalid = [json!("soon"), json!(17), json!("9999-12-31T23:59:59-01:00"), json!("1969-12-31T23:59:59Z")];
        for muted_until in invalid {
            let body = json!({"archived": "yes", "mutedUntil": muted_until}).to_string();
            let problem = UpdateSettings::parse(body.as_bytes()).unwrap_err();
            let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
            assert_eq!(fields, ["archived", "mutedUntil"], "{muted_until}");
        }
    }
}
