use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{ConnectionId, Message, MessageCursor, MessagePage, MessageRange, MessagesQuery, ThreadId};

use crate::backoff::{self, retry_conflicts};
use crate::chat::Chat;
use crate::error::{Error, condition_failed};
use crate::keys;
use crate::links::Links;
use crate::message_row::MessageRow;
use crate::page::page_len;

/// Maximum number of connections in a message's undelivered flag, because a row has at most 400 KB. If a delivery
/// missed more connections, the flag is not changed, so it still stands for all subscribers.
const MAX_UNDELIVERED: usize = 1_000;

impl Chat {
    /// Records in the message's undelivered flag which connections a delivery did not reach. Clears the flag if all
    /// were reached. A message without the flag stays without it. If more than 1,000 connections were not reached, the
    /// flag stays as it is.
    pub async fn record_delivery(
        &self,
        thread: &ThreadId,
        seq: u64,
        undelivered: impl IntoIterator<Item = &ConnectionId>,
    ) -> Result<(), Error> {
        // DynamoDB refuses a string set with duplicates.
        let undelivered: BTreeSet<_> = undelivered.into_iter().collect();
        let update =
            self.table.update(&keys::message(thread, seq)).condition_expression("attribute_exists(undelivered)");
        let update = if undelivered.is_empty() {
            update.update_expression("REMOVE undelivered")
        } else if undelivered.len() <= MAX_UNDELIVERED {
            let ids = undelivered.into_iter().map(ConnectionId::to_string).collect();
            let update = update.update_expression("SET undelivered = :undelivered");
            update.expression_attribute_values(":undelivered", AttributeValue::Ss(ids))
        } else {
            return Ok(());
        };
        match retry_conflicts(|| update.clone().send()).await {
            Err(error) if condition_failed(&error) => Ok(()),
            done => Ok(done.map(drop)?),
        }
    }

    /// Reads those of the given messages that have the undelivered flag, in no particular order. Each message is given
    /// by its thread and its `seq`.
    pub async fn undelivered_messages(&self, messages: &[(ThreadId, u64)]) -> Result<Vec<MessageRow>, Error> {
        let rows = self.message_rows(messages).await?.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(rows.into_iter().filter(|row| row.undelivered().is_some()).collect())
    }

    /// Reads messages, in no particular order. Each message is given by its thread and its `seq`. A message that does
    /// not exist is left out. For a row that is not a valid message, the list contains an [`Error::BadRow`], so that
    /// the caller still gets the valid ones.
    pub async fn message_rows(&self, messages: &[(ThreadId, u64)]) -> Result<Vec<Result<MessageRow, Error>>, Error> {
        let items = self.table.batch_get(messages.iter().map(|(thread, seq)| keys::message(thread, *seq))).await?;
        Ok(items.into_iter().map(MessageRow::parse).collect())
    }

    /// Reads messages of a thread, and returns them by `seq`. `wanted` contains the `seq` of each message, and the
    /// revision that the message must have at least. A transaction's rows become visible one by one, so a message may
    /// still lack a change whose revision is already visible. Such a message is read again, at most 10 times in all.
    /// Leaves out messages that do not exist.
    pub(crate) async fn messages_at_least(
        &self,
        thread: &ThreadId,
        mut wanted: BTreeMap<u64, u64>,
    ) -> Result<BTreeMap<u64, MessageRow>, Error> {
        let mut found = BTreeMap::new();
        for attempt in 0..10 {
            let items = self.table.batch_get(wanted.keys().map(|seq| keys::message(thread, *seq))).await?;
            let rows: Vec<_> = items.into_iter().map(MessageRow::parse).collect::<Result<_, _>>()?;
            let behind = |row: &&MessageRow| wanted.get(&row.seq).is_some_and(|rev| row.rev < *rev);
            let again: BTreeSet<_> = rows.iter().filter(behind).map(|row| row.seq).collect();
            found.extend(rows.into_iter().filter(|row| !again.contains(&row.seq)).map(|row| (row.seq, row)));
            if again.is_empty() {
                return Ok(found);
            }
            wanted.retain(|seq, _| again.contains(seq));
            backoff::pause(attempt).await;
        }
        Err(Error::Unavailable(format!("{} messages did not show their changes after 10 reads", wanted.len())))
    }

    /// Converts the rows of a thread's messages to messages for clients, with the current names, files and quotes.
    pub async fn present(&self, rows: Vec<MessageRow>, links: &Links) -> Result<Vec<Message>, Error> {
        let related = self.related_to(&rows).await?;
        rows.into_iter().map(|row| row.present(&related, links)).collect()
    }

    /// Converts a message's row to a message for clients, with the current names, files and quote.
    pub async fn present_message(&self, row: MessageRow, links: &Links) -> Result<Message, Error> {
        let related = self.related_to(std::slice::from_ref(&row)).await?;
        row.present(&related, links)
    }

    /// Reads the `seq` of the thread's last committed message; 0 if there is none.
    pub async fn last_seq(&self, thread_id: &ThreadId) -> Result<u64, Error> {
        let (rows, _) = self.query_messages(thread_id, MessageRange::Newest, 1).await?;
        let seq = rows.first().map_or(0, |row| row.seq);
        self.last_seqs.insert(thread_id, seq);
        Ok(seq)
    }

    /// Reads a page of the thread's messages. A page may be shorter than its limit although more messages follow:
    /// `DynamoDB` reads at most 1 MB at once, and a page has at most
    /// [`limits::PAGE_BYTES`](contract::limits::PAGE_BYTES) of JSON.
    pub async fn messages(
        &self,
        thread_id: &ThreadId,
        query: &MessagesQuery,
        links: &Links,
    ) -> Result<MessagePage, Error> {
        let (mut rows, more) = self.query_messages(thread_id, query.range, query.limit).await?;
        let len = page_len(&rows, rows.len(), MessageRow::max_json_bytes);
        let more = more || rows.len() > len;
        rows.truncate(len);
        let next_cursor = rows.last().filter(|_| more).map(|row| match query.range {
            MessageRange::Newest | MessageRange::Before(_) => MessageCursor::Before(row.seq).encode(),
            MessageRange::After(_) => MessageCursor::After(row.seq).encode(),
        });
        Ok(MessagePage { messages: self.present(rows, links).await?, next_cursor })
    }

    /// Reads at most `limit` messages of the range. The returned flag says whether more messages follow.
    async fn query_messages(
        &self,
        thread_id: &ThreadId,
        range: MessageRange,
        limit: u32,
    ) -> Result<(Vec<MessageRow>, bool), Error> {
        let (first, last, forward) = match range {
            MessageRange::Newest => (1, u64::MAX, false),
            MessageRange::Before(seq) => (1, seq.saturating_sub(1), false),
            MessageRange::After(seq) => (seq.saturating_add(1), u64::MAX, true),
        };
        if first > last {
            return Ok((Vec::new(), false));
        }
        let answer = self
            .table
            .range(keys::message(thread_id, first), keys::message(thread_id, last))
            .scan_index_forward(forward)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await?;
        let rows: Vec<MessageRow> =
            answer.items.unwrap_or_default().into_iter().map(MessageRow::parse).collect::<Result<_, _>>()?;
        // `LastEvaluatedKey` says that more messages may follow. It is also present if the limit and the range end with
        // the same message, and then the next page is empty. In pages with the newest message first, `seq` is more
        // precise: no message follows the one with `seq` 1.
        let more = match rows.last() {
            Some(row) if !forward => row.seq > 1,
            _ => answer.last_evaluated_key.is_some(),
        };
        Ok((rows, more))
    }

    /// Reads the thread's last messages, at most `count`, newest first.
    pub(crate) async fn newest_messages(&self, thread_id: &ThreadId, count: u32) -> Result<Vec<MessageRow>, Error> {
        self.query_messages(thread_id, MessageRange::Newest, count).await.map(|(rows, _)| rows)
    }

    /// Reads a message. Returns `None` if it does not exist.
    pub(crate) async fn message_at(&self, thread_id: &ThreadId, seq: u64) -> Result<Option<MessageRow>, Error> {
        self.table.get(&keys::message(thread_id, seq)).await?.map(MessageRow::parse).transpose()
    }
}
