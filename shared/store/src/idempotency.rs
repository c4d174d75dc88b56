use contract::{FileId, IdempotencyKey, MessageId, ThreadId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::chat::Chat;
use crate::error::Error;
use crate::keys;
use crate::links::Links;
use crate::messages::{Attempt, MessageRow, NewMessage, Sent};
use crate::row::{from_item, n, to_item};
use crate::transaction::{IS_NEW, Transacted};

/// Seconds that a key is remembered: the contract's 7 days and one more, so that nobody is early.
const LIFETIME: i64 = 8 * 24 * 60 * 60;

/// The row of an idempotency key: what became of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyRow {
    message_id: MessageId,
    seq: u64,
    content_hash: String,
    expires_at: i64,
}

/// A hash of what is sent, which tells whether a key comes with the same content again.
fn content_hash(body: &str, file_ids: &[FileId]) -> String {
    // With the body's length before it, so that no two contents give the same text.
    let text = file_ids.iter().fold(format!("{}:{body}", body.len()), |text, id| format!("{text},{id}"));
    keys::sha256(text.as_bytes())
}

impl Chat {
    /// Commits a message together with the record of its key: both or neither, so that a retry finds either the
    /// message or a free way.
    pub(crate) async fn put_message_once(
        &self,
        row: &MessageRow,
        key: &IdempotencyKey,
        links: &Links,
    ) -> Result<Attempt, Error> {
        let now = Timestamp::now().seconds();
        let record = KeyRow {
            message_id: row.id.clone(),
            seq: row.seq,
            content_hash: content_hash(&row.body, &row.file_ids),
            expires_at: now + LIFETIME,
        };
        let record_key = keys::idempotency(&row.thread_id, &row.author_id, key);
        let puts = vec![
            self.table.put_in(to_item(&row.key(), row)?).condition_expression(IS_NEW),
            // TTL deletes late, so an expired record may still be there.
            self.table
                .put_in(to_item(&record_key, &record)?)
                .condition_expression("attribute_not_exists(pk) OR expiresAt <= :now")
                .expression_attribute_values(":now", n(now)),
        ];
        let mut in_the_way = match self.table.transact(puts).await? {
            Transacted::Done => return Ok(Attempt::Stored),
            Transacted::Conflict => return Ok(Attempt::Conflict),
            Transacted::Refused(rows) => rows,
        };
        let Some(known) = in_the_way.pop().flatten() else { return Ok(Attempt::Taken) };
        let known: KeyRow = from_item(known)?;
        if known.message_id == row.id {
            // The transaction was in doubt, and had succeeded.
            return Ok(Attempt::Stored);
        }
        self.outcome(&row.thread_id, known, &record.content_hash, links).await.map(Attempt::Known)
    }

    /// What became of this message's key before, if it was used. Asked only where the message has files, for they are
    /// shared before the commit; the commit finds out by itself.
    pub(crate) async fn replay(&self, new: NewMessage<'_>, links: &Links) -> Result<Option<Sent>, Error> {
        let Some(key) = new.idempotency_key.filter(|_| !new.file_ids.is_empty()) else { return Ok(None) };
        let Some(item) = self.table.get(&keys::idempotency(new.thread_id, &new.author.id, key)).await? else {
            return Ok(None);
        };
        let known: KeyRow = from_item(item)?;
        if known.expires_at <= Timestamp::now().seconds() {
            return Ok(None);
        }
        self.outcome(new.thread_id, known, &content_hash(new.body, new.file_ids), links).await.map(Some)
    }

    async fn outcome(&self, thread: &ThreadId, known: KeyRow, hash: &str, links: &Links) -> Result<Sent, Error> {
        if known.content_hash != hash {
            return Ok(Sent::KeyReused);
        }
        let message = self.message_at(thread, known.seq).await?;
        Ok(Sent::Replayed(self.present_message(message, links).await?))
    }
}
