//! The row of a thread, and the preview of its last message. Functions that must handle every field destructure the row
//! and the preview without `..`. So after a field is added, the code does not compile until each of these functions
//! handles the field or ignores it on purpose.

use contract::{
    Author, FileId, MessageId, MessagePreview, PreviewAttachment, Thread, ThreadId, ThreadOverview, ThreadUpdate,
    Timestamp, UserId, cut, limits,
};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files::FileRow;
use crate::message_row::MessageRow;
use crate::names_and_files::NamesAndFiles;

/// The row of a thread. `updated_at`, `last_seq` and `last_message` are the projection, which chat-stream updates after
/// a message was committed or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadRow {
    /// The thread's ID.
    pub id: ThreadId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    /// The thread's members. They never change.
    pub member_ids: Vec<UserId>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    #[serde(default)]
    pub(crate) last_seq: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_message: Option<LastMessageRow>,
}

/// The preview of a thread's last message, in the thread's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LastMessageRow {
    id: MessageId,
    seq: u64,
    author_id: UserId,
    body: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<PreviewAttachment>,
    /// Only in rows that were written before previews existed: the IDs of the message's files, instead of
    /// `attachments`. In these rows, `body` is the whole text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    file_ids: Vec<FileId>,
    created_at: Timestamp,
    #[serde(default)]
    rev: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Timestamp>,
}

impl LastMessageRow {
    /// Creates the preview of a message. `files` are the rows of its files, in order.
    pub(crate) fn of(message: &MessageRow, files: Vec<FileRow>) -> Self {
        // The undelivered flag is left out, because its later changes do not reach the thread's row. Reactions and quotes
        // are not part of a preview.
        let MessageRow {
            id,
            thread_id: _,
            seq,
            author_id,
            body,
            file_ids: _,
            created_at,
            rev,
            edited_at: _,
            deleted_at,
            reply_to: _,
            idempotency_key: _,
            reactions: _,
            undelivered: _,
        } = message;
        let (body, truncated) = cut(body, limits::PREVIEW_CHARS);
        Self {
            id: id.clone(),
            seq: *seq,
            author_id: author_id.clone(),
            body: body.to_owned(),
            truncated,
            attachments: files.into_iter().map(attachment).collect(),
            file_ids: Vec::new(),
            created_at: *created_at,
            rev: *rev,
            deleted_at: *deleted_at,
        }
    }

    fn present(self, thread_id: ThreadId, related: &NamesAndFiles) -> Result<MessagePreview, Error> {
        let Self { id, seq, author_id, body, truncated, mut attachments, file_ids, created_at, rev, deleted_at } = self;
        let (preview, longer) = cut(&body, limits::PREVIEW_CHARS);
        attachments.extend(related.files(&file_ids)?.into_iter().map(attachment));
        let author = Author { name: related.names.of(&author_id), id: author_id };
        let (body, truncated) = (preview.to_owned(), truncated || longer);
        Ok(MessagePreview { id, thread_id, seq, rev, body, truncated, author, attachments, created_at, deleted_at })
    }
}

fn attachment(file: FileRow) -> PreviewAttachment {
    PreviewAttachment { id: file.id, name: file.name, mimetype: file.mimetype }
}

impl ThreadRow {
    /// Returns an upper bound of the thread's size as JSON in a list of threads, in bytes.
    pub(crate) fn max_json_bytes(&self) -> usize {
        // Names of the JSON fields, and values of limited length: the thread's ID, three timestamps, two numbers.
        const FIXED: usize = 500;
        // A member's name of up to 100 characters that JSON escapes as six bytes each, or the user ID in its place.
        const NAME: usize = 620;
        // The last message without its attachments: three IDs, the author's name, the preview of the body.
        const MESSAGE: usize = 1_700 + 6 * limits::PREVIEW_CHARS;
        // An attachment: an ID, and a name and a media type that JSON escapes.
        const ATTACHMENT: usize = 2_300;
        let Self { id: _, title, member_ids, created_at: _, updated_at: _, last_seq: _, last_message } = self;
        let title = title.as_ref().map_or(0, |title| 6 * title.len());
        // A user ID has no control characters, so JSON escapes each of its bytes as at most two.
        let members: usize = member_ids.iter().map(|id| 2 * id.as_str().len() + NAME).sum();
        let message = last_message
            .as_ref()
            .map_or(0, |message| MESSAGE + ATTACHMENT * (message.attachments.len() + message.file_ids.len()));
        FIXED + title + members + message
    }

    /// Returns the thread's title and members.
    pub(crate) fn title_and_members(self) -> (Option<String>, Vec<UserId>) {
        (self.title, self.member_ids)
    }

    /// Returns the number of the last message in the projection; 0 if there is none.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Returns the author of the thread's last message, if there is one.
    pub(crate) fn last_author(&self) -> Option<&UserId> {
        self.last_message.as_ref().map(|message| &message.author_id)
    }

    /// Returns the IDs of the files whose rows are needed to present the thread. There are such files only if the last
    /// message was stored in this row before previews existed.
    pub(crate) fn files_to_read(&self) -> &[FileId] {
        self.last_message.as_ref().map_or(&[], |message| &message.file_ids)
    }

    /// Converts the row to a thread as all its members see it. `related` has the names of the members and of the last
    /// message's author, and the rows of [`files_to_read`](Self::files_to_read).
    pub(crate) fn overview(mut self, related: &NamesAndFiles) -> Result<ThreadOverview, Error> {
        let member_names = self.member_ids.iter().map(|id| related.names.of(id)).collect();
        let (last_message, last_seq) = (self.last_message.take(), self.last_seq);
        let last_message = last_message.map(|message| message.present(self.id.clone(), related)).transpose()?;
        Ok(ThreadOverview { thread: self.into(), member_names, last_seq, last_message })
    }

    /// Converts the row to the fields of the thread that change with a new message. `related` has the name of the last
    /// message's author, and the rows of [`files_to_read`](Self::files_to_read).
    pub(crate) fn update(self, related: &NamesAndFiles) -> Result<ThreadUpdate, Error> {
        let Self { id, title: _, member_ids: _, created_at: _, updated_at, last_seq, last_message } = self;
        let last_message = last_message.map(|message| message.present(id.clone(), related)).transpose()?;
        Ok(ThreadUpdate { id, last_seq, updated_at, last_message })
    }
}

impl From<ThreadRow> for Thread {
    fn from(row: ThreadRow) -> Self {
        let ThreadRow { id, title, member_ids, created_at, updated_at, last_seq: _, last_message: _ } = row;
        Self { id, title, member_ids, created_at, updated_at }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use contract::{OwnState, ThreadSettings, ThreadSummary};

    use super::*;
    use crate::users::Names;

    #[test]
    fn max_json_bytes_is_an_upper_bound_of_the_largest_thread() {
        let longest_id = |prefix: &str| format!("{prefix}{}", "x".repeat(64));
        // All texts consist of characters that JSON escapes with the most bytes.
        let member = UserId::parse(&"\"".repeat(limits::USER_ID_BYTES)).unwrap();
        let attachment = PreviewAttachment {
            id: FileId::parse(&longest_id("file_")).unwrap(),
            name: "🏡".repeat(limits::FILE_NAME_CHARS),
            mimetype: format!("a/b;{}", "\"".repeat(limits::MEDIA_TYPE_CHARS - 4)),
        };
        let message = LastMessageRow {
            id: MessageId::parse(&longest_id("msg_")).unwrap(),
            seq: u64::MAX,
            author_id: member.clone(),
            body: "\u{1}".repeat(limits::BODY_CHARS),
            truncated: false,
            attachments: vec![attachment; limits::FILES],
            file_ids: Vec::new(),
            created_at: Timestamp::now(),
            rev: u64::MAX,
            deleted_at: Some(Timestamp::now()),
        };
        let names = Names(HashMap::from([(member.clone(), "\u{1}".repeat(100))]));
        let related = NamesAndFiles { names, files: HashMap::new() };
        let now = Some(Timestamp::now());
        let own = OwnState { read_seq: u64::MAX, settings: ThreadSettings { archived: false, muted_until: now } };
        for last_message in [None, Some(message)] {
            let row = ThreadRow {
                id: ThreadId::parse(&longest_id("thread_")).unwrap(),
                title: Some("\u{1}".repeat(limits::TITLE_CHARS)),
                member_ids: vec![member.clone(); limits::MEMBERS],
                created_at: Timestamp::now(),
                updated_at: Timestamp::now(),
                last_seq: u64::MAX,
                last_message,
            };
            let bound = row.max_json_bytes();
            let summary = ThreadSummary::new(row.overview(&related).unwrap(), own.clone());
            let size = serde_json::to_vec(&summary).unwrap().len();
            assert!(size <= bound, "a thread of {size} bytes exceeds its bound of {bound}; raise max_json_bytes");
        }
    }
}
