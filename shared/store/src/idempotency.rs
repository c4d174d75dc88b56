use aws_support::sha256;
use contract::{IdempotencyKey, MessageId, ThreadId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::chat::Chat;
use crate::error::Error;
use crate::keys;
use crate::links::Links;
use crate::message_row::MessageRow;
use crate::messages::{CommitResult, NewMessage, Sent};
use crate::row::{from_item, n, to_item};
use crate::transaction::{IS_NEW, TransactionResult, Write};

/// Seconds that an idempotency record is kept: the 7 days that clients may rely on, and one more day as a margin.
const LIFETIME: i64 = 8 * 24 * 60 * 60;

/// The idempotency record: the row that remembers an `Idempotency-Key` and the message that was sent with it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdempotencyRecord {
    message_id: MessageId,
    seq: u64,
    content_hash: String,
    expires_at: i64,
}

/// Returns a hash of a message's content. If an idempotency key comes again with another hash, it was reused for
/// another message.
///
/// The fields are listed without `..`, so that the code does not compile until a new field is part of the hash or is
/// ignored on purpose. A forgotten field would replay the earlier message instead of refusing the reused key. A message
/// without the new field must keep its hash, because stored records are compared with it for 8 days.
fn content_hash(new: NewMessage<'_>) -> String {
    // Thread, author and key are in the record's primary key, so the hash does not need them.
    let NewMessage { thread_id: _, author: _, body, file_ids, idempotency_key: _ } = new;
    // The body's length comes before the body, so that two different contents never have the same text.
    let text = file_ids.iter().fold(format!("{}:{body}", body.len()), |text, id| format!("{text},{id}"));
    sha256(text.as_bytes())
}

impl Chat {
    /// Commits a message and the record of its idempotency key in one transaction. So a retry finds either both rows or
    /// none.
    pub(crate) async fn put_message_with_key(
        &self,
        row: &MessageRow,
        new: NewMessage<'_>,
        key: &IdempotencyKey,
        links: &Links,
    ) -> Result<CommitResult, Error> {
        let now = Timestamp::now().seconds();
        let record = IdempotencyRecord {
            message_id: row.id.clone(),
            seq: row.seq,
            content_hash: content_hash(new),
            expires_at: now + LIFETIME,
        };
        let record_key = keys::idempotency(&row.thread_id, &row.author_id, key);
        let puts = [
            self.table.transaction_put(to_item(&row.key(), row)?).condition_expression(IS_NEW),
            // TTL deletes rows late, so an expired record may still exist. It is replaced.
            self.table
                .transaction_put(to_item(&record_key, &record)?)
                .condition_expression("attribute_not_exists(pk) OR expiresAt <= :now")
                .expression_attribute_values(":now", n(now)),
        ];
        let mut existing_rows = match self.table.transact(puts.map(Write::Put)).await? {
            TransactionResult::Committed => return Ok(CommitResult::Committed),
            TransactionResult::Conflict => return Ok(CommitResult::Conflict),
            TransactionResult::ConditionFailed(rows) => rows,
        };
        let Some(existing) = existing_rows.pop().flatten() else { return Ok(CommitResult::SeqTaken) };
        let existing: IdempotencyRecord = from_item(existing)?;
        if existing.message_id == row.id {
            // The record was written by an earlier attempt of this send, whose answer was lost.
            return Ok(CommitResult::Committed);
        }
        self.replay(&row.thread_id, existing, &record.content_hash, links).await.map(CommitResult::KeyUsed)
    }

    /// Returns the result of an earlier send with this message's idempotency key, if there was one. Reads the
    /// idempotency record only if the message has files, because files are shared before the commit. For other
    /// messages, the commit itself finds the record.
    pub(crate) async fn earlier_send(&self, new: NewMessage<'_>, links: &Links) -> Result<Option<Sent>, Error> {
        let Some(key) = new.idempotency_key.filter(|_| !new.file_ids.is_empty()) else { return Ok(None) };
        let Some(item) = self.table.get(&keys::idempotency(new.thread_id, &new.author.id, key)).await? else {
            return Ok(None);
        };
        let existing: IdempotencyRecord = from_item(item)?;
        if existing.expires_at <= Timestamp::now().seconds() {
            return Ok(None);
        }
        self.replay(new.thread_id, existing, &content_hash(new), links).await.map(Some)
    }

    /// Returns the message that an existing record refers to, or [`Sent::KeyReused`] if that message has other content.
    async fn replay(
        &self,
        thread: &ThreadId,
        existing: IdempotencyRecord,
        content_hash: &str,
        links: &Links,
    ) -> Result<Sent, Error> {
        if existing.content_hash != content_hash {
            return Ok(Sent::KeyReused);
        }
        let message = self.message_at(thread, existing.seq).await?;
        Ok(Sent::Replayed(self.present_message(message, links).await?))
    }
}

#[cfg(test)]
mod tests {
    use contract::{FileId, Profile, UserId};

    use super::*;

    fn hash(body: &str, files: &[&str]) -> String {
        let author = Profile { id: UserId::parse("user-a").unwrap(), name: None, issued_at: 0 };
        let file_ids: Vec<_> = files.iter().map(|id| FileId::parse(id).unwrap()).collect();
        let thread_id = &ThreadId::new();
        content_hash(NewMessage { thread_id, author: &author, body, file_ids: &file_ids, idempotency_key: None })
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
    fn content_hash_stays_the_same_between_versions() {
        // SHA-256 of "5:hello,file_1,file_2". It must not change, because records with such hashes are stored for 8
        // days.
        let expected = "ab82095819145f4fa69a4fcaf8760054fb394bc553d63d8478a22aa78adaa64a";
        assert_eq!(hash("hello", &["file_1", "file_2"]), expected);
    }
}
