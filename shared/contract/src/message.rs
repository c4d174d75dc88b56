use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{
    Attachment, ErrorCode, FieldError, FileId, MessageId, Problem, Quote, Reaction, ThreadId, Timestamp, UserId,
    fields::Fields, is_visible, limits,
};

/// Request body of `POST /api/threads/{threadId}/messages`. A message must have visible text, files or both.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename_all = "camelCase", extend("not" = {
        "properties": { "body": { "pattern": crate::text::pattern::invisible() }, "fileIds": { "enum": [[], null] } },
    }))
)]
pub struct SendMessage {
    /// The message's text, at most [`limits::BODY_CHARS`] characters. It must have a visible character, unless the
    /// message has files.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", length(max = limits::BODY_CHARS)))]
    pub body: String,
    /// IDs of the message's files in the order of the request, at most [`limits::FILES`]. An ID may occur twice.
    #[cfg_attr(
        feature = "schema",
        schemars(
            with = "Option<Vec<FileId>>",
            length(max = limits::FILES),
            description = "IDs of the message's files, at most [`limits::FILES`]. The caller must own each file, and \
                none may have failed."
        )
    )]
    pub file_ids: Vec<FileId>,
    /// `seq` of the message that this one replies to, in the same thread; `None` if it is not a reply.
    #[cfg_attr(
        feature = "schema",
        schemars(
            range(min = 1, max = limits::SEQ),
            description = "`seq` of the message that this one replies to, in the same thread."
        )
    )]
    pub reply_to: Option<u64>,
}

impl SendMessage {
    /// Parses a request body. Fails with a problem that names every invalid field.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let text = fields.string("body", limits::BODY_CHARS).unwrap_or_default();
        let file_ids = fields.list("fileIds", FileId::parse, "the ID of a file").unwrap_or_default();
        if file_ids.len() > limits::FILES {
            fields.refuse("fileIds", format!("must have at most {} files", limits::FILES));
        }
        if !is_visible(&text) && file_ids.is_empty() && !fields.refused("body") && !fields.refused("fileIds") {
            fields.refuse("body", "must have a visible character, unless the message has files");
        }
        let reply_to = fields.optional_whole_number("replyTo", 1..=limits::SEQ);
        fields.finish(Self { body: text, file_ids, reply_to })
    }

    /// Creates the problem of a reply to a message that the thread does not have.
    #[must_use]
    pub fn unknown_reply() -> Problem {
        let message = "must be the seq of a message in this thread";
        Problem::fields(
            ErrorCode::InvalidRequest,
            vec![FieldError { field: "replyTo".into(), message: message.into() }],
        )
    }

    /// Returns the IDs of the message's files without duplicates, in the order of the request.
    #[must_use]
    pub fn distinct_files(&self) -> Vec<FileId> {
        let mut seen = HashSet::new();
        self.file_ids.iter().filter(|file_id| seen.insert(*file_id)).cloned().collect()
    }
}

/// Value of an `Idempotency-Key` header: 1 to [`limits::IDEMPOTENCY_KEY_CHARS`] visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Parses the value of the header. Fails with `invalid_idempotency_key` if it is not a valid key.
    pub fn parse(value: &[u8]) -> Result<Self, Problem> {
        let fits = (1..=limits::IDEMPOTENCY_KEY_CHARS).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic);
        match String::from_utf8(value.to_vec()) {
            Ok(text) if fits => Ok(Self(text)),
            _ => Err(Problem::new(
                ErrorCode::InvalidIdempotencyKey,
                format!(
                    "The Idempotency-Key header must have 1 to {} visible ASCII characters. Use a UUID, for example.",
                    limits::IDEMPOTENCY_KEY_CHARS
                ),
            )),
        }
    }

    /// Returns the key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The user who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Author {
    /// ID of the user.
    pub id: UserId,
    /// The user's current name, or their ID if none of their tokens had a name.
    pub name: String,
}

/// A message. REST responses and `message:new` events contain the same object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// ID of the message.
    pub id: MessageId,
    /// ID of the message's thread.
    pub thread_id: ThreadId,
    /// The message's number in its thread: 1, 2, 3 … without gaps, in commit order.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub seq: u64,
    /// The revision of the message's last change; 0 if it was never changed. Of two copies of a message, the one with the
    /// larger `rev` is newer.
    pub rev: u64,
    /// The message's text; empty if the message has only files or was deleted.
    pub body: String,
    /// The user who wrote the message.
    pub author: Author,
    /// The message's files; empty if the message has only text or was deleted.
    pub attachments: Vec<Attachment>,
    /// When the message was committed.
    pub created_at: Timestamp,
    /// When the author last changed the text. Missing if they never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// When the author deleted the message. Missing if they did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// The members' reactions, by emoji; empty if there are none.
    pub reactions: Vec<Reaction>,
    /// The message that this one replies to. Missing if it is not a reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Quote>,
}

/// Response body of `GET /api/threads/{threadId}/messages`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MessagePage {
    /// At most `limit` messages: newest first, or oldest first if the list was requested with `after`.
    pub messages: Vec<Message>,
    /// Cursor that requests the next page; null on the last page.
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
    fn body_limit_counts_characters_not_bytes() {
        let body = serde_json::json!({"body": "🏡".repeat(8_000)});
        assert_eq!(SendMessage::parse(body.to_string().as_bytes()).unwrap().body.len(), 32_000);
        assert_eq!(refused(&serde_json::json!({"body": "a".repeat(8_001)})), ["body"]);
    }

    #[test]
    fn body_without_visible_characters_needs_files() {
        assert_eq!(refused(&serde_json::json!({})), ["body"]);
        for text in ["", " ", "\r\n\t", "\u{a0}\u{3000}", "\u{200b}", "\u{200d}\u{fe0f}", "\u{0}", "\u{2800}\u{3164}"] {
            assert_eq!(refused(&serde_json::json!({"body": text, "fileIds": []})), ["body"], "{text:?}");
            let with_file = serde_json::json!({"body": text, "fileIds": ["file_1"]}).to_string();
            assert_eq!(SendMessage::parse(with_file.as_bytes()).unwrap().body, text);
        }
        for text in [".", "\n\u{1f44d}\n", "\u{202e}a"] {
            let body = serde_json::json!({"body": text}).to_string();
            assert_eq!(SendMessage::parse(body.as_bytes()).unwrap().body, text);
        }
    }

    #[test]
    fn files_without_body_are_accepted() {
        let sent = SendMessage::parse(br#"{"fileIds":["file_1","file_2","file_1"]}"#).unwrap();
        assert_eq!(sent.distinct_files(), ["file_1", "file_2"].map(|id| FileId::parse(id).unwrap()));
    }

    #[test]
    fn error_names_every_invalid_field() {
        assert_eq!(refused(&serde_json::json!({"body": 7, "fileIds": "file_1"})), ["body", "fileIds"]);
        assert_eq!(refused(&serde_json::json!({"body": "", "fileIds": ["x"]})), ["fileIds[0]"]);
        let eleven: Vec<_> = (0..11).map(|n| format!("file_{n}")).collect();
        assert_eq!(refused(&serde_json::json!({"fileIds": eleven})), ["fileIds"]);
    }

    #[test]
    fn reply_names_a_seq() {
        let parse = |reply: serde_json::Value| {
            SendMessage::parse(serde_json::json!({"body": "a", "replyTo": reply}).to_string().as_bytes())
        };
        assert_eq!(parse(serde_json::json!(7)).unwrap().reply_to, Some(7));
        assert_eq!(parse(serde_json::json!(null)).unwrap().reply_to, None);
        for wrong in [serde_json::json!(0), serde_json::json!(-1), serde_json::json!("7"), serde_json::json!(1.5)] {
            assert_eq!(parse(wrong.clone()).unwrap_err().errors[0].field, "replyTo", "{wrong}");
        }
    }

    #[test]
    fn idempotency_key_must_be_visible_ascii_within_limit() {
        assert!(IdempotencyKey::parse("!~".repeat(64).as_bytes()).is_ok());
        for value in [&b""[..], b"a b", b"\xc3\xa4", b"a\tb", &[b'a'; 129]] {
            assert_eq!(IdempotencyKey::parse(value).unwrap_err().code, ErrorCode::InvalidIdempotencyKey);
        }
    }
}
