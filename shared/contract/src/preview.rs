use serde::{Deserialize, Serialize};

use crate::{Author, FileId, MessageId, ThreadId, Timestamp, limits};

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
    /// The first [`limits::PREVIEW_CHARS`] characters of the message's text; empty if the message has only files.
    #[cfg_attr(feature = "schema", schemars(length(max = limits::PREVIEW_CHARS)))]
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

/// Returns the first [`limits::PREVIEW_CHARS`] characters of a message's text, and whether the text is longer.
#[must_use]
pub fn preview_of(body: &str) -> (&str, bool) {
    match body.char_indices().nth(limits::PREVIEW_CHARS) {
        Some((end, _)) => (&body[..end], true),
        None => (body, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preview_counts_characters_not_bytes() {
        let longest = "🏡".repeat(limits::PREVIEW_CHARS);
        assert_eq!(preview_of(&longest), (longest.as_str(), false));
        assert_eq!(preview_of(&format!("{longest}a")), (longest.as_str(), true));
        assert_eq!(preview_of(""), ("", false));
    }
}
