use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{Attachment, ErrorCode, FileId, MessageId, Problem, ThreadId, Timestamp, UserId, fields::Fields, limits};

/// `POST /api/threads/{threadId}/messages`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename_all = "camelCase", extend("anyOf" = [
        { "required": ["body"], "properties": { "body": { "type": "string", "minLength": 1 } } },
        { "required": ["fileIds"], "properties": { "fileIds": { "type": "array", "minItems": 1 } } },
    ]))
)]
pub struct SendMessage {
    /// At most [`limits::BODY_CHARS`] characters; empty only with files.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", length(max = limits::BODY_CHARS)))]
    pub body: String,
    /// At most [`limits::FILES`], as they were given.
    #[cfg_attr(
        feature = "schema",
        schemars(
            with = "Option<Vec<FileId>>",
            length(max = limits::FILES),
            description = "At most [`limits::FILES`] files of the caller's own, none of which has failed."
        )
    )]
    pub file_ids: Vec<FileId>,
}

impl SendMessage {
    /// Reads a request body.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let text = fields.string("body", limits::BODY_CHARS).unwrap_or_default();
        let file_ids = fields.list("fileIds", FileId::parse, "the id of a file").unwrap_or_default();
        if file_ids.len() > limits::FILES {
            fields.refuse("fileIds", format!("names more than {} files", limits::FILES));
        }
        if text.is_empty() && file_ids.is_empty() && !fields.refused("body") && !fields.refused("fileIds") {
            fields.refuse("body", "may be empty only with files");
        }
        fields.finish(Self { body: text, file_ids })
    }

    /// The files, each once.
    #[must_use]
    pub fn distinct_files(&self) -> Vec<FileId> {
        let mut seen = HashSet::new();
        self.file_ids.iter().filter(|file_id| seen.insert(*file_id)).cloned().collect()
    }
}

/// The value of an `Idempotency-Key` header: 1 to [`limits::IDEMPOTENCY_KEY_CHARS`] visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads the header's value.
    pub fn parse(value: &[u8]) -> Result<Self, Problem> {
        let fits = (1..=limits::IDEMPOTENCY_KEY_CHARS).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic);
        match String::from_utf8(value.to_vec()) {
            Ok(text) if fits => Ok(Self(text)),
            _ => Err(Problem::new(
                ErrorCode::InvalidIdempotencyKey,
                format!("Idempotency-Key takes 1 to {} visible ASCII characters.", limits::IDEMPOTENCY_KEY_CHARS),
            )),
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Author {
    /// The user's id.
    pub id: UserId,
    /// Their name as it is now; their id where they were never seen with one.
    pub name: String,
}

/// A message, on REST and in `message:new` alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The thread it belongs to.
    pub thread_id: ThreadId,
    /// Its number in the thread: 1, 2, 3 … without a gap, in the order of commit.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub seq: u64,
    /// The text.
    pub body: String,
    /// Who wrote it.
    pub author: Author,
    /// Its files.
    pub attachments: Vec<Attachment>,
    /// When it was committed.
    pub created_at: Timestamp,
}

/// `GET /api/threads/{threadId}/messages`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MessagePage {
    /// At most `limit` messages; newest first, or oldest first with `after`.
    pub messages: Vec<Message>,
    /// Where the next page starts; null on the last one.
    pub next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &serde_json::Value) -> Vec<String> {
        let problem = SendMessage::parse(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(problem.code, ErrorCode::InvalidRequest);
        problem.errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn body_counts_characters_not_bytes() {
        let body = serde_json::json!({"body": "🏡".repeat(8_000)});
        assert_eq!(SendMessage::parse(body.to_string().as_bytes()).unwrap().body.len(), 32_000);
        assert_eq!(refused(&serde_json::json!({"body": "a".repeat(8_001)})), ["body"]);
    }

    #[test]
    fn body_may_be_empty_only_with_files() {
        for body in [serde_json::json!({}), serde_json::json!({"body": "", "fileIds": []})] {
            assert_eq!(refused(&body), ["body"]);
        }
        let sent = SendMessage::parse(br#"{"fileIds":["file_1","file_2","file_1"]}"#).unwrap();
        assert_eq!(sent.distinct_files(), ["file_1", "file_2"].map(|id| FileId::parse(id).unwrap()));
    }

    #[test]
    fn every_offending_field_is_named() {
        assert_eq!(refused(&serde_json::json!({"body": 7, "fileIds": "file_1"})), ["body", "fileIds"]);
        assert_eq!(refused(&serde_json::json!({"body": "", "fileIds": ["x"]})), ["fileIds[0]"]);
        let eleven: Vec<_> = (0..11).map(|n| format!("file_{n}")).collect();
        assert_eq!(refused(&serde_json::json!({"fileIds": eleven})), ["fileIds"]);
    }

    #[test]
    fn idempotency_key_is_visible_ascii_within_its_limit() {
        assert!(IdempotencyKey::parse("!~".repeat(64).as_bytes()).is_ok());
        for value in [&b""[..], b"a b", b"\xc3\xa4", b"a\tb", &[b'a'; 129]] {
            assert_eq!(IdempotencyKey::parse(value).unwrap_err().code, ErrorCode::InvalidIdempotencyKey);
        }
    }
}
