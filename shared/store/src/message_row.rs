//! The row of a message. Functions that must handle every field destructure the row without `..`. So after a field is
//! added, the code does not compile until each of these functions handles the field or ignores it on purpose.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{
    Author, ConnectionId, FileId, Message, MessageId, Quote, Reaction, ThreadId, Timestamp, UserId, cut, limits,
};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files::FileRow;
use crate::keys::{self, Key};
use crate::links::Links;
use crate::related::Related;
use crate::row::{Item, from_item, s, to_item};
use crate::send::NewMessage;
use crate::users::Names;

/// Start of the names of the attributes that hold reactions. The rest of the name is the ID of the member who reacts.
const REACTION_PREFIX: &str = "r#";

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
    /// The revision of the message's last change; 0 if it was never changed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rev: u64,
    /// When the author last changed the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) edited_at: Option<Timestamp>,
    /// When the author deleted the message. Body, files and reactions are erased then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deleted_at: Option<Timestamp>,
    /// The number of the message that this one replies to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<u64>,
    /// The idempotency key that the message was sent with, until the message is edited or deleted. It leads to the
    /// idempotency record, which has a hash of the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idempotency_key: Option<String>,
    /// Emoji by the member who reacts. In the row, each reaction is an attribute of its own, with the user's ID in its
    /// name. So serde skips this field, and [`parse`](Self::parse) and [`to_item`](Self::to_item) convert it.
    #[serde(skip)]
    pub(crate) reactions: BTreeMap<UserId, String>,
    /// The undelivered flag: empty if the message was delivered to all subscribers, otherwise the connections that it
    /// may not have reached, or [`ALL_CONNECTIONS`].
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        serialize_with = "serde_dynamo::string_set::serialize"
    )]
    pub(crate) undelivered: BTreeSet<ConnectionId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
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
        let NewMessage { thread_id, author, body, file_ids, reply_to, idempotency_key } = new;
        Self {
            id: MessageId::new(),
            thread_id: thread_id.clone(),
            seq,
            author_id: author.id.clone(),
            body: body.to_owned(),
            file_ids: file_ids.to_vec(),
            created_at: Timestamp::now(),
            rev: 0,
            edited_at: None,
            deleted_at: None,
            reply_to,
            idempotency_key: idempotency_key.map(|key| key.as_str().to_owned()),
            reactions: BTreeMap::new(),
            undelivered: BTreeSet::from([ConnectionId::new(ALL_CONNECTIONS)]),
        }
    }

    /// Converts an item to the row of a message.
    pub(crate) fn parse(mut item: Item) -> Result<Self, Error> {
        let names: Vec<_> = item.keys().filter(|name| name.starts_with(REACTION_PREFIX)).cloned().collect();
        let values: Vec<_> = names.iter().map(|name| item.remove(name)).collect();
        let mut row: Self = from_item(item)?;
        for (name, value) in names.iter().zip(values) {
            let user = name.strip_prefix(REACTION_PREFIX).and_then(UserId::parse);
            let (Some(user), Some(AttributeValue::S(emoji))) = (user, value) else {
                let source = serde_dynamo::Error::custom(format!("{name} is not a reaction"));
                return Err(Error::BadRow { key: row.key().to_string(), source });
            };
            row.reactions.insert(user, emoji);
        }
        Ok(row)
    }

    /// Converts the row to an item with all its attributes. [`parse`](Self::parse) is the inverse.
    pub(crate) fn to_item(&self) -> Result<Item, Error> {
        let mut item = to_item(&self.key(), self)?;
        let reactions = self.reactions.iter().map(|(user, emoji)| (format!("{REACTION_PREFIX}{user}"), s(emoji)));
        item.extend(reactions);
        Ok(item)
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

    /// Returns whether the author deleted the message.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// Returns the quote of this message that a reply to it contains.
    pub(crate) fn quote(&self, names: &Names) -> Quote {
        let author = Author { id: self.author_id.clone(), name: names.of(&self.author_id) };
        let excerpt = cut(&self.body, limits::QUOTE_CHARS).0.to_owned();
        Quote { seq: self.seq, author, excerpt, deleted: self.is_deleted() }
    }

    /// Converts the row to a message for clients. `related` contains the names, files and quoted messages that the row
    /// refers to.
    pub(crate) fn present(self, related: &Related, links: &Links) -> Result<Message, Error> {
        let (author_name, files) = (related.rows.names.of(&self.author_id), related.rows.files(&self.file_ids)?);
        let quote = self.reply_to.map(|seq| related.quote(&self.thread_id, seq)).transpose()?;
        Ok(self.into_message(author_name, files, quote, links))
    }

    /// Converts the row to a message for clients. `files` are the rows of the message's `file_ids`, in the same order,
    /// and `quote` is the quote of the message that it replies to.
    pub(crate) fn into_message(
        self,
        author_name: String,
        files: Vec<FileRow>,
        quote: Option<Quote>,
        links: &Links,
    ) -> Message {
        let Self {
            id,
            thread_id,
            seq,
            author_id,
            body,
            file_ids: _,
            created_at,
            rev,
            edited_at,
            deleted_at,
            reply_to: _,
            idempotency_key: _,
            reactions,
            undelivered: _,
        } = self;
        let author = Author { name: author_name, id: author_id };
        let attachments = files.into_iter().map(|file| file.attachment(links)).collect();
        Message {
            id,
            thread_id,
            seq,
            rev,
            body,
            author,
            attachments,
            created_at,
            edited_at,
            deleted_at,
            reactions: by_emoji(reactions),
            reply_to: quote,
        }
    }

    /// Returns an upper bound of the message's size as JSON, in bytes.
    pub(crate) fn max_json_bytes(&self) -> usize {
        // Names of the JSON fields, and values of limited length: three IDs, the author's name, numbers and times.
        const FIXED: usize = 1_700;
        // JSON escapes one byte of text as at most six bytes.
        const ESCAPED: usize = 6;
        // An attachment: mainly its name of up to 1,020 bytes, and its URL, which contains the name percent-encoded, in
        // up to 3,060 bytes.
        const ATTACHMENT: usize = 5_200;
        // The ID and name of the quoted author, and the excerpt.
        const QUOTE: usize = 1_300 + ESCAPED * limits::QUOTE_CHARS;
        // An emoji and a user ID, in which JSON escapes each byte as at most two.
        const REACTION: usize = 40 + 4 * limits::EMOJI_CHARS + 2 * limits::USER_ID_BYTES;
        let Self {
            id: _,
            thread_id: _,
            seq: _,
            author_id: _,
            body,
            file_ids,
            created_at: _,
            rev: _,
            edited_at: _,
            deleted_at: _,
            reply_to,
            idempotency_key: _,
            reactions,
            undelivered: _,
        } = self;
        let quote = reply_to.map_or(0, |_| QUOTE);
        FIXED + ESCAPED * body.len() + ATTACHMENT * file_ids.len() + quote + REACTION * reactions.len()
    }
}

/// Groups the members who react by their emoji, in the order of the emoji and then of the user IDs.
fn by_emoji(reactions: BTreeMap<UserId, String>) -> Vec<Reaction> {
    let mut by_emoji: BTreeMap<String, Vec<UserId>> = BTreeMap::new();
    for (user, emoji) in reactions {
        by_emoji.entry(emoji).or_default().push(user);
    }
    by_emoji.into_iter().map(|(emoji, user_ids)| Reaction { emoji, user_ids }).collect()
}

#[cfg(test)]
mod tests {
    use contract::Profile;
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
        let emoji = "👍".repeat(limits::EMOJI_CHARS);
        let name = "\u{1}".repeat(100);
        for (body_chars, files, reactions) in
            [(0, 0, 0), (limits::BODY_CHARS, 0, 0), (0, limits::FILES, 0), (0, 0, limits::MEMBERS)]
        {
            let (body, file_ids) = ("\u{1}".repeat(body_chars), vec![file.id.clone(); files]);
            let new = NewMessage {
                thread_id,
                author: &author,
                body: &body,
                file_ids: &file_ids,
                reply_to: Some(u64::MAX),
                idempotency_key: None,
            };
            let mut row = MessageRow::new(new, u64::MAX);
            row.id = MessageId::parse(&longest_id("msg_")).unwrap();
            row.rev = u64::MAX;
            (row.edited_at, row.deleted_at) = (Some(row.created_at), Some(row.created_at));
            for n in 0..reactions {
                let user = format!("{n:03}{}", "\"".repeat(limits::USER_ID_BYTES - 3));
                // Each member reacts with a different emoji, because this gives the largest JSON.
                row.reactions.insert(UserId::parse(&user).unwrap(), format!("{n:03}{}", &emoji[12..]));
            }
            let bound = row.max_json_bytes();
            let quoted = Author { id: author.id.clone(), name: name.clone() };
            let quote =
                Quote { seq: u64::MAX, author: quoted, excerpt: "\u{1}".repeat(limits::QUOTE_CHARS), deleted: false };
            let message = row.into_message(name.clone(), vec![file.clone(); files], Some(quote), &links);
            let size = serde_json::to_vec(&message).unwrap().len();
            assert!(size <= bound, "a message of {size} bytes exceeds its bound of {bound}; raise max_json_bytes");
        }
    }
}
