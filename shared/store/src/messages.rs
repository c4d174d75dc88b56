use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use contract::{
    Author, ConnectionId, FileId, IdempotencyKey, Message, MessageCursor, MessageId, MessagePage, MessageRange,
    MessagesQuery, Profile, ThreadId, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::backoff;
use crate::chat::Chat;
use crate::context::Context;
use crate::error::{Error, condition_failed};
use crate::files::FileRow;
use crate::keys::{self, Key};
use crate::links::Links;
use crate::page::fitting;
use crate::row::{from_item, s, to_item};
use crate::transaction::IS_NEW;

/// How long a send tries for a place among other writers of the same thread. On AWS a place takes some 15 ms, so this
/// is for hundreds of writers at once; the local cloud is slower.
const PATIENCE: Duration = Duration::from_secs(10);

/// The row of a message, and its image on the table's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageRow {
    /// Its id.
    pub id: MessageId,
    /// The thread it belongs to.
    pub thread_id: ThreadId,
    /// Its number in the thread.
    pub seq: u64,
    /// Who wrote it.
    pub author_id: UserId,
    /// The text.
    pub body: String,
    /// Its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub file_ids: Vec<FileId>,
    /// When it was committed.
    pub created_at: Timestamp,
    /// The mark of a message that has not reached everybody: [`EVERYBODY`], or the connections that were left over.
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        serialize_with = "serde_dynamo::string_set::serialize"
    )]
    undelivered: BTreeSet<ConnectionId>,
}

/// Stands for all connections in the mark of a message. No connection has such an id.
const EVERYBODY: &str = "*";

/// Connections that a mark names at most; of more, it says everybody. A row has 400 KB.
const MOST_NAMED: usize = 1_000;

/// Whom a message has not reached yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelivered {
    /// Nobody is known to have it.
    Everybody,
    /// These were left over.
    Connections(BTreeSet<ConnectionId>),
}

impl MessageRow {
    /// Whom the message has not reached yet; `None` where it has reached everybody.
    #[must_use]
    pub fn undelivered(&self) -> Option<Undelivered> {
        if self.undelivered.is_empty() {
            None
        } else if self.undelivered.iter().any(|id| id.as_str() == EVERYBODY) {
            Some(Undelivered::Everybody)
        } else {
            Some(Undelivered::Connections(self.undelivered.clone()))
        }
    }

    /// The message as its thread shows it, for which delivery is over.
    pub(crate) fn without_mark(&self) -> Self {
        Self { undelivered: BTreeSet::new(), ..self.clone() }
    }

    pub(crate) fn key(&self) -> Key {
        keys::message(&self.thread_id, self.seq)
    }

    /// The message as it is shown.
    pub(crate) fn present(self, context: &Context, links: &Links) -> Result<Message, Error> {
        let (name, files) = (context.names.of(&self.author_id), context.files(&self.file_ids)?);
        Ok(self.with(name, files, links))
    }

    /// The message, its author being called `name`.
    fn with(self, name: String, files: Vec<FileRow>, links: &Links) -> Message {
        let Self { id, thread_id, seq, author_id, body, created_at, .. } = self;
        let author = Author { name, id: author_id };
        let attachments = files.into_iter().map(|file| file.attachment(links)).collect();
        Message { id, thread_id, seq, body, author, attachments, created_at }
    }

    /// Bytes that the message takes as JSON, at most.
    pub(crate) fn json_bytes(&self) -> usize {
        // JSON escapes a character of one byte in six at worst; a file comes with its name of up to 1 020 bytes, once
        // as it is and once in a URL.
        1_000 + 6 * self.body.len() + 5_000 * self.file_ids.len()
    }
}

/// A message to send.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage<'a> {
    /// Where to.
    pub thread_id: &'a ThreadId,
    /// From whom.
    pub author: &'a Profile,
    /// The text.
    pub body: &'a str,
    /// Files of the author's, each once.
    pub file_ids: &'a [FileId],
    /// What makes a retry the same message.
    pub idempotency_key: Option<&'a IdempotencyKey>,
}

/// What [`Chat::send`] came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It is committed.
    Stored(Message),
    /// It was, by an earlier call with the same idempotency key: this is that message.
    Replayed(Message),
    /// The idempotency key was used before for another content.
    KeyReused,
    /// There is no such thread, or the author is not a member.
    NotMember,
    /// These files cannot be sent: not there, not the author's, or failed.
    BadFiles(Vec<FileId>),
}

/// What one attempt to commit came to.
pub(crate) enum Attempt {
    Stored,
    /// Somebody else has this `seq`.
    Taken,
    /// Somebody else was writing here: the same attempt may succeed.
    Conflict,
    /// The idempotency key has been used.
    Known(Sent),
}

impl Chat {
    /// Commits a message as the next of its thread. Message n+1 is put on condition that there is none, n being
    /// the last one known to be committed: so `seq` has no gap and no two messages the same. Whoever loses the race
    /// looks again and takes the next.
    pub async fn send(&self, new: NewMessage<'_>, links: &Links) -> Result<Sent, Error> {
        let thread_id = new.thread_id;
        let last = async {
            match self.last_seqs.get(thread_id) {
                Some(seq) => Ok(seq),
                None => self.last_seq(thread_id).await,
            }
        };
        // All that can fail comes before the commit: behind it, an error would make the sender send again.
        let (is_member, last, (), author, bad_files, replayed) = futures::try_join!(
            self.is_member(thread_id, &new.author.id),
            last,
            self.record_profile(new.author),
            self.author(new.author),
            self.bad_files(&new.author.id, new.file_ids),
            self.replay(new, links)
        )?;
        if !is_member {
            return Ok(Sent::NotMember);
        }
        if let Some(sent) = replayed {
            return Ok(sent);
        }
        // Nothing is shared with the thread unless all can be; which one of them may yet prevent, if it fails just now.
        let shared = if bad_files.is_empty() {
            self.share_files(&new.author.id, new.file_ids, thread_id).await?
        } else {
            Err(bad_files)
        };
        let files = match shared {
            Ok(files) => files,
            Err(refused) => return Ok(Sent::BadFiles(refused)),
        };

        let mut row = MessageRow {
            id: MessageId::new(),
            thread_id: thread_id.clone(),
            seq: last + 1,
            author_id: new.author.id.clone(),
            body: new.body.to_owned(),
            file_ids: new.file_ids.to_vec(),
            created_at: Timestamp::now(),
            undelivered: BTreeSet::from([ConnectionId::new(EVERYBODY)]),
        };
        let start = Instant::now();
        for attempt in 0.. {
            let outcome = match new.idempotency_key {
                None => self.put_message(&row).await?,
                Some(key) => self.put_message_once(&row, key, links).await?,
            };
            match outcome {
                Attempt::Stored => {
                    self.last_seqs.insert(thread_id, row.seq);
                    return Ok(Sent::Stored(row.with(author, files, links)));
                }
                Attempt::Known(sent) => return Ok(sent),
                Attempt::Taken | Attempt::Conflict if start.elapsed() > PATIENCE => break,
                Attempt::Taken => {
                    backoff::pause(attempt).await;
                    row.seq = self.last_seq(thread_id).await? + 1;
                }
                Attempt::Conflict => backoff::pause(attempt).await,
            }
            row.created_at = Timestamp::now();
        }
        Err(Error::Unavailable("too many writers in one thread".into()))
    }

    /// What the author is called: as their token says, else as an earlier one did.
    async fn author(&self, author: &Profile) -> Result<String, Error> {
        match &author.name {
            Some(name) => Ok(name.clone()),
            None => Ok(self.names([&author.id]).await?.of(&author.id)),
        }
    }

    async fn put_message(&self, row: &MessageRow) -> Result<Attempt, Error> {
        let put = self
            .table
            .put_if(to_item(&row.key(), row)?)
            .condition_expression(IS_NEW)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = put else { return Ok(Attempt::Stored) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                // Where an answer was lost, the SDK has tried again what had succeeded: the row is our own.
                let in_the_way = failed.item.clone().map(from_item::<MessageRow>).transpose()?;
                let ours = in_the_way.is_some_and(|other| other.id == row.id);
                Ok(if ours { Attempt::Stored } else { Attempt::Taken })
            }
            Some(PutItemError::TransactionConflictException(_)) => Ok(Attempt::Conflict),
            _ => Err(error.into()),
        }
    }

    /// Notes whom a delivery has left over, or that it has left over nobody. Once a message has reached everybody, that
    /// stays so.
    pub async fn record_delivery(
        &self,
        thread: &ThreadId,
        seq: u64,
        left: impl IntoIterator<Item = &ConnectionId>,
    ) -> Result<(), Error> {
        // Each once, or DynamoDB refuses the set.
        let left: BTreeSet<_> = left.into_iter().collect();
        let update =
            self.table.update(&keys::message(thread, seq)).condition_expression("attribute_exists(undelivered)");
        let update = if left.is_empty() {
            update.update_expression("REMOVE undelivered")
        } else if left.len() <= MOST_NAMED {
            let ids = left.into_iter().map(ConnectionId::to_string).collect();
            let update = update.update_expression("SET undelivered = :left");
            update.expression_attribute_values(":left", AttributeValue::Ss(ids))
        } else {
            return Ok(());
        };
        match update.send().await {
            Err(error) if condition_failed(&error) => Ok(()),
            done => Ok(done.map(drop)?),
        }
    }

    /// Those of these messages, by thread and `seq`, that have not reached everybody.
    pub async fn undelivered_messages(&self, messages: &[(ThreadId, u64)]) -> Result<Vec<MessageRow>, Error> {
        let items = self.table.batch_get(messages.iter().map(|(thread, seq)| keys::message(thread, *seq))).await?;
        let rows: Vec<MessageRow> = items.into_iter().map(from_item).collect::<Result<_, _>>()?;
        Ok(rows.into_iter().filter(|row| !row.undelivered.is_empty()).collect())
    }

    /// A message as it is shown now.
    pub async fn present_message(&self, row: MessageRow, links: &Links) -> Result<Message, Error> {
        let context = self.context([&row], []).await?;
        row.present(&context, links)
    }

    /// The `seq` of the thread's last committed message, 0 where there is none.
    pub async fn last_seq(&self, thread_id: &ThreadId) -> Result<u64, Error> {
        let (rows, _) = self.query_messages(thread_id, MessageRange::Newest, 1).await?;
        let seq = rows.first().map_or(0, |row| row.seq);
        self.last_seqs.insert(thread_id, seq);
        Ok(seq)
    }

    /// A page of the thread's messages. It may be shorter than asked for and not be the last: `DynamoDB` reads at
    /// most 1 MB at once, and a page has about [`limits::PAGE_BYTES`](contract::limits::PAGE_BYTES) at most.
    pub async fn messages(
        &self,
        thread_id: &ThreadId,
        query: &MessagesQuery,
        links: &Links,
    ) -> Result<MessagePage, Error> {
        let (mut rows, more) = self.query_messages(thread_id, query.range, query.limit).await?;
        let fits = fitting(&rows, rows.len(), MessageRow::json_bytes);
        let more = more || rows.len() > fits;
        rows.truncate(fits);
        let next_cursor = rows.last().filter(|_| more).map(|row| match query.range {
            MessageRange::Newest | MessageRange::Before(_) => MessageCursor::Before(row.seq).encode(),
            MessageRange::After(_) => MessageCursor::After(row.seq).encode(),
        });
        let context = self.context(&rows, []).await?;
        let messages = rows.into_iter().map(|row| row.present(&context, links)).collect::<Result<_, _>>()?;
        Ok(MessagePage { messages, next_cursor })
    }

    /// At most `limit` messages of the range, and whether there are more behind them.
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
        // From new to old, `seq` itself says when the first message is reached; `LastEvaluatedKey` cannot, for it
        // also comes where the limit was met exactly at the end.
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
