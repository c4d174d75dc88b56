use contract::{IdempotencyKey, MessageId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::chat::Chat;
use crate::error::Error;
use crate::keys;
use crate::messages::{Attempt, MessageRow, Sent};
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

impl Chat {
    /// Commits a message together with the record of its key: both or neither, so that a retry finds either the
    /// message or a free way.
    pub(crate) async fn put_message_once(&self, row: &MessageRow, key: &IdempotencyKey) -> Result<Attempt, Error> {
        let now = Timestamp::now().seconds();
        let record = KeyRow {
            message_id: row.id.clone(),
            seq: row.seq,
            content_hash: keys::sha256(row.body.as_bytes()),
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
        if known.content_hash != record.content_hash {
            return Ok(Attempt::Known(Sent::KeyReused));
        }
        let message = self.message_at(&row.thread_id, known.seq).await?;
        let names = self.names([&message.author_id]).await?;
        Ok(Attempt::Known(Sent::Replayed(message.present(&names))))
    }
}
