use aws_sdk_dynamodb::types::builders::{PutBuilder, UpdateBuilder};
use aws_support::sha256;
use contract::{IdempotencyKey, MessageId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::chat::Chat;
use crate::error::Error;
use crate::keys;
use crate::links::Links;
use crate::message_row::MessageRow;
use crate::row::{Item, from_item, n, s, to_item};
use crate::send::{NewMessage, Sent};

/// Seconds that an idempotency record is kept: the 7 days that clients may rely on, and one more day as a margin.
const LIFETIME: i64 = 8 * 24 * 60 * 60;

/// The idempotency record: the row that remembers an `Idempotency-Key` and the message that was sent with it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdempotencyRecord {
    message_id: MessageId,
    seq: u64,
    /// Missing once the message was edited or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_hash: Option<String>,
    expires_at: i64,
}

/// Returns a hash of a message's content. If a request has the idempotency key of an earlier message but another hash,
/// the key was reused for another message.
///
/// The fields of [`NewMessage`] are listed without `..`. So after a field is added, the code does not compile until the
/// field is part of the hash or is ignored on purpose. If two messages differed only in a forgotten field, a reused key
/// would replay the first message instead of being refused. A message without the new field must keep its hash, because
/// stored records are compared with it for 8 days.
fn content_hash(new: NewMessage<'_>) -> String {
    // Thread, author and key are in the record's primary key, so the hash does not need them.
    let NewMessage { thread_id: _, author: _, body, file_ids, reply_to, idempotency_key: _ } = new;
    // The body's length comes before the body, so that two different contents never have the same text.
    let mut text = file_ids.iter().fold(format!("{}:{body}", body.len()), |text, id| format!("{text},{id}"));
    if let Some(seq) = reply_to {
        text = format!("{text};reply:{seq}");
    }
    sha256(text.as_bytes())
}

impl Chat {
    /// Returns the put that writes a new message's idempotency record. It fails if a record with this key exists and
    /// has not expired. It belongs into the transaction that commits the message.
    pub(crate) fn put_idempotency_record(
        &self,
        row: &MessageRow,
        new: NewMessage<'_>,
        key: &IdempotencyKey,
    ) -> Result<PutBuilder, Error> {
        let now = Timestamp::now().seconds();
        let record = IdempotencyRecord {
            message_id: row.id.clone(),
            seq: row.seq,
            content_hash: Some(content_hash(new)),
            expires_at: now + LIFETIME,
        };
        // TTL deletes rows late, so an expired record may still exist. It is replaced.
        Ok(self
            .table
            .transaction_put(to_item(&keys::idempotency(&row.thread_id, &row.author_id, key), &record)?)
            .condition_expression("attribute_not_exists(pk) OR expiresAt <= :now")
            .expression_attribute_values(":now", n(now)))
    }

    /// Returns the update that erases the content hash of a message's idempotency record, because the hash of a short text
    /// can be guessed. It fails if the record does not exist any more or belongs to another message.
    pub(crate) fn erase_content_hash(&self, row: &MessageRow, key: &IdempotencyKey) -> UpdateBuilder {
        self.table
            .transaction_update(&keys::idempotency(&row.thread_id, &row.author_id, key))
            .update_expression("REMOVE contentHash")
            .condition_expression("messageId = :message")
            .expression_attribute_values(":message", s(row.id.as_str()))
    }

    /// Returns the result of an earlier send with this message's idempotency key, if there was one. Reads the
    /// idempotency record only if the message has files: if a file has failed since the earlier send, the retry must
    /// not be refused because of the file. For a message without files, the commit itself finds the record.
    pub(crate) async fn earlier_send(&self, new: NewMessage<'_>, links: &Links) -> Result<Option<Sent>, Error> {
        let Some(key) = new.idempotency_key.filter(|_| !new.file_ids.is_empty()) else { return Ok(None) };
        let Some(item) = self.table.get(&keys::idempotency(new.thread_id, &new.author.id, key)).await? else {
            return Ok(None);
        };
        let existing: IdempotencyRecord = from_item(item.clone())?;
        if existing.expires_at <= Timestamp::now().seconds() {
            return Ok(None);
        }
        self.replay(new, item, links).await.map(Some)
    }

    /// Returns the message that an existing idempotency record refers to, as it is now, or [`Sent::KeyReused`] if that
    /// message was sent with other content.
    pub(crate) async fn replay(&self, new: NewMessage<'_>, record: Item, links: &Links) -> Result<Sent, Error> {
        let existing: IdempotencyRecord = from_item(record)?;
        // If an edit or a deletion has erased the hash, the content is not compared.
        if existing.content_hash.is_some_and(|hash| hash != content_hash(new)) {
            return Ok(Sent::KeyReused);
        }
        let key = keys::message(new.thread_id, existing.seq);
        let message = self.message_at(new.thread_id, existing.seq).await?;
        let message = message.ok_or_else(|| Error::MissingRow(key.to_string()))?;
        Ok(Sent::Replayed(self.present_message(message, links).await?))
    }
}

#[cfg(test)]
mod tests {
    use contract::{FileId, Profile, ThreadId, UserId};

    use super::*;

    fn hash(body: &str, files: &[&str]) -> String {
        hash_of_reply(body, files, None)
    }

    fn hash_of_reply(body: &str, files: &[&str], reply_to: Option<u64>) -> String {
        let author = Profile { id: UserId::parse("user-a").unwrap(), name: None, issued_at: 0 };
        let file_ids: Vec<_> = files.iter().map(|id| FileId::parse(id).unwrap()).collect();
        let thread_id = &ThreadId::new();
        content_hash(NewMessage {
            thread_id,
            author: &author,
            body,
            file_ids: &file_ids,
            reply_to,
            idempotency_key: None,
        })
    }

    #[test]
    fn content_hash_differs_for_each_body_and_list_of_files() {
        let contents: [(&str, &[&str]); 6] = [
            ("text", &[]),
            ("text,file_1", &[]),
            ("text", &["file_1"]),
            ("text", &["file_1", "file_2"]),
            ("text", &["file_2", "file_1"]),
            ("", &["file_1"]),
        ];
        for (index, one) in contents.iter().enumerate() {
            for other in &contents[..index] {
                assert_ne!(hash(one.0, one.1), hash(other.0, other.1), "{one:?} and {other:?}");
            }
        }
    }

    #[test]
    fn content_hash_differs_for_each_reply() {
        let hashes = [None, Some(1), Some(2)].map(|seq| hash_of_reply("text", &[], seq));
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
        assert_ne!(hash_of_reply("text", &["file_1"], Some(1)), hash("text", &["file_1"]));
    }

    #[test]
    fn content_hash_stays_the_same_between_versions() {
        // SHA-256 of "5:hello,file_1,file_2". It must not change, because records with such hashes are stored for 8
        // days.
        let expected = "ab82095819145f4fa69a4fcaf8760054fb394bc553d63d8478a22aa78adaa64a";
        assert_eq!(hash("hello", &["file_1", "file_2"]), expected);
    }
}
