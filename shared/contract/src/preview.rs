use serde::{Deserialize, Serialize};

use crate::{Author, FileId, MessageId, ThreadId, Timestamp};

/// A message as lists of threads show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(any(feature = "schema", feature = "simulation"), derive(Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MessagePreview {
    /// ID of the message.
    pub id: MessageId,
    /// ID of the message's thread.
    pub thread_id: ThreadId,
    /// The message's number in its thread.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub seq: u64,
    /// The revision of the message's last change; 0 if it was never changed. Of two previews of a message, the one with
    /// the larger `rev` is newer.
    pub rev: u64,
    /// The first [`limits::PREVIEW_CHARS`](crate::limits::PREVIEW_CHARS) characters of the message's text; empty if the
    /// message has only files or was deleted.
    #[cfg_attr(feature = "schema", schemars(length(max = crate::limits::PREVIEW_CHARS)))]
    pub body: String,
    /// True if the message's text is longer than `body`. Missing otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// The user who wrote the message.
    pub author: Author,
    /// The message's files, without links; empty if the message has only text.
    pub attachments: Vec<PreviewAttachment>,
    /// When the message was committed.
    pub created_at: Timestamp,
    /// When the author deleted the message. Missing if they did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

/// A file of a message as lists of threads show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PreviewAttachment {
    /// ID of the file.
    pub id: FileId,
    /// The file's name, without a path.
    pub name: String,
    /// The media type that the file's owner declared.
    pub mimetype: String,
}

/// Returns the first `chars` characters of a message's text, and whether the text is longer.
#[must_use]
pub fn cut(body: &str, chars: usize) -> (&str, bool) {
    match body.char_indices().nth(chars) {
        Some((end, _)) => (&body[..end], true),
        None => (body, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_counts_characters_not_bytes() {
        let longest = "🏡".repeat(3);
        assert_eq!(cut(&longest, 3), (longest.as_str(), false));
        assert_eq!(cut(&format!("{longest}a"), 3), (longest.as_str(), true));
        assert_eq!(cut("", 3), ("", false));
    }
}
