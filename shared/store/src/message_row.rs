//! The row of a message. Functions that must handle every field destructure the row without `..`. So a new field does
//! not compile until each of them handles it or ignores it on purpose.

use std::collections::BTreeSet;

use contract::{Author, ConnectionId, FileId, Message, MessageId, ThreadId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files::FileRow;
use crate::keys::{self, Key};
use crate::links::Links;
use crate::messages::NewMessage;
use crate::names_and_files::NamesAndFiles;

/// The row of a message in the `Chat` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageRow {
    /// The message's ID.
    pub id: MessageId,
    /// The thread that the message belongs to.
    pub thread_id: ThreadId,
    /// The message's number in its thread.
    pub seq: u64,
    /// The user who sent the message.
    pub author_id: UserId,
    /// The message's text. It may be empty if there are files.
    pub body: String,
    /// IDs of the message's files, in the order of its attachments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub file_ids: Vec<FileId>,
    /// When the message was committed.
    pub created_at: Timestamp,
    /// The undelivered flag: empty if the message was delivered to all subscribers, otherwise the connections that it
    /// may not have reached, or [`ALL_CONNECTIONS`].
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        serialize_with = "serde_dynamo::string_set::serialize"
    )]
    pub(crate) undelivered: BTreeSet<ConnectionId>,
}

/// Connection ID that stands for all connections in the undelivered flag. API Gateway never issues this ID.
const ALL_CONNECTIONS: &str = "*";

/// The connections that a message may not have reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelivered {
    /// All subscribers: no delivery was recorded yet, or the delivery missed more than 1,000 connections.
    Everybody,
    /// Only these connections: the last delivery did not reach them.
    Connections(BTreeSet<ConnectionId>),
}

impl MessageRow {
    /// Creates the row of a new message with a new ID, flagged as undelivered to all connections.
    pub(crate) fn new(new: NewMessage<'_>, seq: u64) -> Self {
        let NewMessage { thread_id, author, body, file_ids, idempotency_key: _ } = new;
        Self {
            id: MessageId::new(),
            thread_id: thread_id.clone(),
            seq,
            author_id: author.id.clone(),
            body: body.to_owned(),
            file_ids: file_ids.to_vec(),
            created_at: Timestamp::now(),
            undelivered: BTreeSet::from([ConnectionId::new(ALL_CONNECTIONS)]),
        }
    }

    /// Returns the connections that the message may not have reached, or `None` if it was delivered to all subscribers.
    #[must_use]
    pub fn undelivered(&self) -> Option<Undelivered> {
        if self.undelivered.is_empty() {
            None
        } else if self.undelivered.iter().any(|id| id.as_str() == ALL_CONNECTIONS) {
            Some(Undelivered::Everybody)
        } else {
            Some(Undelivered::Connections(self.undelivered.clone()))
        }
    }

    pub(crate) fn key(&self) -> Key {
        keys::message(&self.thread_id, self.seq)
    }

    /// Converts the row to a message for clients. `related` contains the names and files that were read for it.
    pub(crate) fn present(self, related: &NamesAndFiles, links: &Links) -> Result<Message, Error> {
        let (author_name, files) = (related.names.of(&self.author_id), related.files(&self.file_ids)?);
        Ok(self.into_message(author_name, files, links))
    }

    /// Converts the row to a message for clients. `files` are the rows of the message's `file_ids`, in the same order.
    pub(crate) fn into_message(self, author_name: String, files: Vec<FileRow>, links: &Links) -> Message {
        let Self { id, thread_id, seq, author_id, body, file_ids: _, created_at, undelivered: _ } = self;
        let author = Author { name: author_name, id: author_id };
        let attachments = files.into_iter().map(|file| file.attachment(links)).collect();
        Message { id, thread_id, seq, body, author, attachments, created_at }
    }

    /// Returns an upper bound of the message's size as JSON, in bytes.
    pub(crate) fn max_json_bytes(&self) -> usize {
        // Names of the JSON fields, and values of limited length: three IDs, the author's name, one number and a time.
        const FIXED: usize = 1_500;
        // JSON escapes one byte of text as at most six bytes.
        const ESCAPED: usize = 6;
        // An attachment consists mainly of its name of up to 1,020 bytes and its URL, which contains the name
        // percent-encoded.
        const ATTACHMENT: usize = 5_200;
        let Self { id: _, thread_id: _, seq: _, author_id: _, body, file_ids, created_at: _, undelivered: _ } = self;
        FIXED + ESCAPED * body.len() + ATTACHMENT * file_ids.len()
    }
}

#[cfg(test)]
mod tests {
    use contract::{Profile, limits};
    use serde_json::json;

    use super::*;

    #[test]
    fn max_json_bytes_is_an_upper_bound_of_the_largest_message() {
        let links = Links::new("a key that is long enough for tests").unwrap();
        let longest_id = |prefix: &str| format!("{prefix}{}", "x".repeat(64));
        // All texts consist of characters that JSON escapes with the most bytes.
        let author_id = UserId::parse(&"\"".repeat(limits::USER_ID_BYTES)).unwrap();
        let author = Profile { id: author_id, name: None, issued_at: 0 };
        let thread_id = &ThreadId::parse(&longest_id("thread_")).unwrap();
        let file: FileRow = serde_json::from_value(json!({
            "id": longest_id("file_"), "ownerId": "user-a", "status": "pending", "size": u64::MAX,
            "createdAt": "2025-09-05T01:05:00.123Z", "original": "files/1", "thumbnail": "thumbs/1",
            "name": "🏡".repeat(limits::FILE_NAME_CHARS),
            "mimetype": format!("a/b;{}", "\"".repeat(limits::MEDIA_TYPE_CHARS - 4)),
        }))
        .unwrap();
        for (body_chars, files) in [(0, 0), (limits::BODY_CHARS, 0), (0, limits::FILES)] {
            let (body, file_ids) = ("\u{1}".repeat(body_chars), vec![file.id.clone(); files]);
            let new =
                NewMessage { thread_id, author: &author, body: &body, file_ids: &file_ids, idempotency_key: None };
            let mut row = MessageRow::new(new, u64::MAX);
            row.id = MessageId::parse(&longest_id("msg_")).unwrap();
            let bound = row.max_json_bytes();
            let message = row.into_message("\u{1}".repeat(100), vec![file.clone(); files], &links);
            let size = serde_json::to_vec(&message).unwrap().len();
            assert!(size <= bound, "a message of {size} bytes exceeds its bound of {bound}; raise max_json_bytes");
        }
    }
}
