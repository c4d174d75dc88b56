use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use contract::{
    ConnectionId, FileId, IdempotencyKey, Message, MessageCursor, MessagePage, MessageRange, MessagesQuery, Profile,
    ThreadId, Timestamp,
};
use tokio::time::Instant;

use crate::backoff;
use crate::chat::Chat;
use crate::error::{Error, condition_failed};
use crate::files::Unsendable;
use crate::keys::{self, Key};
use crate::links::Links;
use crate::message_row::MessageRow;
use crate::page::page_len;
use crate::row::{from_item, s, to_item};
use crate::transaction::IS_NEW;

/// How long a send competes with other senders of the same thread for a `seq`. On AWS, one `seq` takes about 15 ms, so
/// this is enough for hundreds of concurrent senders. In the local cloud, a `seq` takes longer, so it is enough for
/// fewer.
const SEQ_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum number of connections in a message's undelivered flag. If a delivery missed more, the flag stays as it is,
/// because a row has at most 400 KB.
const MAX_UNDELIVERED: usize = 1_000;

/// A message to send.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage<'a> {
    /// The thread to send the message to.
    pub thread_id: &'a ThreadId,
    /// The sender, as their token describes them.
    pub author: &'a Profile,
    /// The message's text. It may be empty if there are files.
    pub body: &'a str,
    /// IDs of the files to send, without duplicates. The author must own the files.
    pub file_ids: &'a [FileId],
    /// Identifies the message, so that a retry with the same key does not send it twice.
    pub idempotency_key: Option<&'a IdempotencyKey>,
}

/// Result of [`Chat::send`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The message is committed.
    Stored(Message),
    /// An earlier send with the same idempotency key committed this message. Nothing was written now.
    Replayed(Message),
    /// The idempotency key was used before, for a message with different content.
    KeyReused,
    /// The thread does not exist, or the author is not a member of it.
    NotMember,
    /// These files cannot be sent, for the given reasons.
    BadFiles(Vec<(FileId, Unsendable)>),
}

/// Result of one attempt to commit a message.
pub(crate) enum CommitResult {
    /// The message is committed.
    Committed,
    /// Another message already has this `seq`.
    SeqTaken,
    /// A concurrent write to the same rows interfered. The same attempt may succeed shortly.
    Conflict,
    /// The idempotency key was used before. Contains the result of this send.
    KeyUsed(Sent),
}

impl Chat {
    /// Commits a message as the next one of its thread. Message n+1 is written on the condition that it does not exist
    /// yet, where n is the last `seq` that this instance knows. So `seq` has no gaps and no duplicates. If another
    /// sender was faster, this send reads the last `seq` again and tries the next one.
    pub async fn send(&self, new: NewMessage<'_>, links: &Links) -> Result<Sent, Error> {
        let thread_id = new.thread_id;
        let last = async {
            match self.last_seqs.get(thread_id) {
                Some(seq) => Ok(seq),
                None => self.last_seq(thread_id).await,
            }
        };
        // Everything that can fail comes before the commit. An error after the commit would make the client send twice.
        let (is_member, last, (), author_name, bad_files, earlier_send) = futures::try_join!(
            self.is_member(thread_id, &new.author.id),
            last,
            self.record_profile(new.author),
            self.author_name(new.author),
            self.unsendable_files(&new.author.id, new.file_ids, thread_id),
            self.earlier_send(new, links)
        )?;
        if !is_member {
            return Ok(Sent::NotMember);
        }
        if let Some(sent) = earlier_send {
            return Ok(sent);
        }
        // If one of the files cannot be sent, none of them is shared with the thread. There is one exception: if a file
        // fails or reaches its limit of threads after this check, the others may already be shared.
        let shared = if bad_files.is_empty() {
            self.share_files(&new.author.id, new.file_ids, thread_id).await?
        } else {
            Err(bad_files)
        };
        let files = match shared {
            Ok(files) => files,
            Err(bad_files) => return Ok(Sent::BadFiles(bad_files)),
        };

        let mut row = MessageRow::new(new, last + 1);
        let start = Instant::now();
        for attempt in 0.. {
            let result = match new.idempotency_key {
                None => self.put_message(&row).await?,
                Some(key) => self.put_message_with_key(&row, new, key, links).await?,
            };
            match result {
                CommitResult::Committed => {
                    self.last_seqs.insert(thread_id, row.seq);
                    return Ok(Sent::Stored(row.into_message(author_name, files, links)));
                }
                CommitResult::KeyUsed(sent) => return Ok(sent),
                CommitResult::SeqTaken | CommitResult::Conflict if start.elapsed() > SEQ_TIMEOUT => break,
                CommitResult::SeqTaken => {
                    backoff::pause(attempt).await;
                    row.seq = self.last_seq(thread_id).await? + 1;
                    row.created_at = Timestamp::now();
                }
                // The attempt may have committed the message although its answer was lost. The next attempt then finds
                // this message's own row. `row` must not change, so that the returned message equals the stored one.
                CommitResult::Conflict => backoff::pause(attempt).await,
            }
        }
        Err(Error::Unavailable("too many concurrent senders in one thread".into()))
    }

    /// Returns the name in the author's token, or their stored name if the token has none.
    async fn author_name(&self, author: &Profile) -> Result<String, Error> {
        match &author.name {
            Some(name) => Ok(name.clone()),
            None => Ok(self.names([&author.id]).await?.of(&author.id)),
        }
    }

    async fn put_message(&self, row: &MessageRow) -> Result<CommitResult, Error> {
        let put = self
            .table
            .put_if(to_item(&row.key(), row)?)
            .condition_expression(IS_NEW)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = put else { return Ok(CommitResult::Committed) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                // The SDK's first attempt may have succeeded although its answer was lost. Then the SDK's retry finds
                // this message's own row.
                let existing = failed.item.clone().map(from_item::<MessageRow>).transpose()?;
                let is_same = existing.is_some_and(|existing| existing.id == row.id);
                Ok(if is_same { CommitResult::Committed } else { CommitResult::SeqTaken })
            }
            Some(PutItemError::TransactionConflictException(_)) => Ok(CommitResult::Conflict),
            _ => Err(error.into()),
        }
    }

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
        match update.send().await {
            Err(error) if condition_failed(&error) => Ok(()),
            done => Ok(done.map(drop)?),
        }
    }

    /// Reads those messages that have the undelivered flag, in no particular order. Each message is given by its thread
    /// and its `seq`.
    pub async fn undelivered_messages(&self, messages: &[(ThreadId, u64)]) -> Result<Vec<MessageRow>, Error> {
        let rows = self.message_rows(messages).await?.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(rows.into_iter().filter(|row| row.undelivered().is_some()).collect())
    }

    /// Reads messages, in no particular order. Each is given by its thread and its `seq`; a missing one is left out. Each
    /// row that is not a valid message is an [`Error::BadRow`] of its own.
    pub async fn message_rows(&self, messages: &[(ThreadId, u64)]) -> Result<Vec<Result<MessageRow, Error>>, Error> {
        let items = self.table.batch_get(messages.iter().map(|(thread, seq)| keys::message(thread, *seq))).await?;
        Ok(items.into_iter().map(from_item).collect())
    }

    /// Converts a message's row to a message for clients, with the current names and files.
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
        let related = self.related_to(&rows).await?;
        let messages = rows.into_iter().map(|row| row.present(&related, links)).collect::<Result<_, _>>()?;
        Ok(MessagePage { messages, next_cursor })
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
        let Key { pk, sk: from } = keys::message(thread_id, first);
        let answer = self
            .table
            .query()
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", s(pk))
            .expression_attribute_values(":from", s(from))
            .expression_attribute_values(":to", s(keys::message(thread_id, last).sk))
            .scan_index_forward(forward)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await?;
        let rows: Vec<MessageRow> =
            answer.items.unwrap_or_default().into_iter().map(from_item).collect::<Result<_, _>>()?;
        // `LastEvaluatedKey` is also present if the last message of the range was the last one that the limit allowed.
        // In pages with the newest message first, `seq` is more precise: no message follows the one with `seq` 1.
        let more = match rows.last() {
            Some(row) if !forward => row.seq > 1,
            _ => answer.last_evaluated_key.is_some(),
        };
        Ok((rows, more))
    }

    pub(crate) async fn message_at(&self, thread_id: &ThreadId, seq: u64) -> Result<MessageRow, Error> {
        let key = keys::message(thread_id, seq);
        from_item(self.table.get(&key).await?.ok_or_else(|| Error::MissingRow(key.to_string()))?)
    }
}
