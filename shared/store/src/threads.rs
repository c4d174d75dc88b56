use std::collections::HashSet;
use std::sync::Arc;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use contract::{
    Thread, ThreadCursor, ThreadDetails, ThreadId, ThreadPage, ThreadSummary, ThreadsQuery, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};

use crate::backoff;
use crate::chat::Chat;
use crate::error::Error;
use crate::keys;
use crate::links::Links;
use crate::message_row::MessageRow;
use crate::page::page_len;
use crate::quotas::{QuotaExceeded, Window};
use crate::row::{from_item, n, s, to_item};
use crate::transaction::{IS_NEW, TransactionResult, Write};

/// The row of a thread. `updated_at`, `last_seq` and `last_message` are the projection, which chat-stream updates when
/// a message was committed.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ThreadRow {
    id: ThreadId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    member_ids: Vec<UserId>,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(default)]
    last_seq: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_message: Option<MessageRow>,
}

impl ThreadRow {
    /// Returns an upper bound of the thread's size as JSON in a list of threads, in bytes. The row is destructured
    /// without `..`, so that the code does not compile until a new field is counted here or ignored on purpose.
    fn max_json_bytes(&self) -> usize {
        // Names of the JSON fields, and values of limited length: the thread's ID and two times.
        const FIXED: usize = 300;
        // A member's name of up to 100 characters that JSON escapes as six bytes each, or the user ID in its place.
        const NAME: usize = 620;
        let Self { id: _, title, member_ids, created_at: _, updated_at: _, last_seq: _, last_message } = self;
        let title = title.as_ref().map_or(0, |title| 6 * title.len());
        // A user ID has no control characters, so JSON escapes each of its bytes as at most two.
        let members: usize = member_ids.iter().map(|id| 2 * id.as_str().len() + NAME).sum();
        FIXED + title + members + last_message.as_ref().map_or(0, MessageRow::max_json_bytes)
    }

    fn cursor(&self) -> ThreadCursor {
        ThreadCursor { updated_at: self.updated_at, id: self.id.clone() }
    }
}

impl From<ThreadRow> for Thread {
    fn from(row: ThreadRow) -> Self {
        let ThreadRow { id, title, member_ids, created_at, updated_at, last_seq: _, last_message: _ } = row;
        Self { id, title, member_ids, created_at, updated_at }
    }
}

/// A row that refers to a thread: a membership or a member set.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ThreadRef {
    thread_id: ThreadId,
}

/// A thread to find or create.
#[derive(Debug, Clone, Copy)]
pub struct NewThread<'a> {
    /// The user who creates the thread. They are known, because they have called.
    pub creator: &'a UserId,
    /// All members without duplicates, the creator included.
    pub members: &'a [UserId],
    /// The thread's title, if it has one.
    pub title: Option<&'a str>,
    /// Whether users who have never called may be members of a new thread.
    pub allow_unknown: bool,
    /// Maximum number of threads that the creator may create per day (UTC).
    pub per_day: u64,
}

/// Result of [`Chat::create_thread`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreatedThread {
    /// This call created the thread.
    New(Thread),
    /// The thread already existed. Its title is unchanged.
    Existing(Thread),
    /// The thread does not exist and was not created, because these members have never called.
    UnknownMembers(Vec<UserId>),
    /// The thread does not exist, and the creator must not create more threads today. Nothing was written.
    QuotaExceeded(QuotaExceeded),
}

/// Result of one attempt to create a thread.
enum Attempt {
    Created,
    /// Another call has created a thread with the same members or is creating it now, or the creator creates another
    /// thread at the same time.
    Conflict,
    QuotaExceeded,
}

impl Chat {
    /// Returns the thread with exactly these members. Creates it if it does not exist, its members are known, and its
    /// creator has not used up today's quota. Concurrent calls with the same members create one thread.
    pub async fn create_thread(&self, new: NewThread<'_>) -> Result<CreatedThread, Error> {
        let now = Timestamp::now();
        let row = ThreadRow {
            id: ThreadId::new(),
            title: new.title.map(str::to_owned),
            member_ids: new.members.to_vec(),
            created_at: now,
            updated_at: now,
            last_seq: 0,
            last_message: None,
        };
        // Users stay known, so one check is enough, and it need not be part of the transaction.
        let mut members_are_known = new.allow_unknown;
        for attempt in 0..50 {
            match self.thread_of_members(&row.member_ids).await? {
                // An earlier attempt of this call created the thread, but its answer was lost.
                Some(thread) if thread.id == row.id => return Ok(CreatedThread::New(thread)),
                Some(thread) => return Ok(CreatedThread::Existing(thread)),
                None => {}
            }
            if !members_are_known {
                let others: Vec<_> = new.members.iter().filter(|member| *member != new.creator).collect();
                let unknown = self.unknown(&others).await?;
                if !unknown.is_empty() {
                    return Ok(CreatedThread::UnknownMembers(unknown));
                }
                members_are_known = true;
            }
            let window = Window::day(now);
            match self.try_create(&row, self.count_thread(new.creator, window, new.per_day)).await? {
                Attempt::Created => return Ok(CreatedThread::New(row.into())),
                Attempt::QuotaExceeded => return Ok(CreatedThread::QuotaExceeded(window.exceeded(now))),
                Attempt::Conflict => backoff::pause(attempt).await,
            }
        }
        Err(Error::Unavailable("too many concurrent creations of one thread".into()))
    }

    /// Reads the thread with exactly these members, if there is one.
    async fn thread_of_members(&self, members: &[UserId]) -> Result<Option<Thread>, Error> {
        let Some(item) = self.table.get(&keys::member_set(members)).await? else { return Ok(None) };
        let ThreadRef { thread_id } = from_item(item)?;
        let key = keys::thread(&thread_id);
        let item = self.table.get(&key).await?.ok_or_else(|| Error::MissingRow(key.to_string()))?;
        from_item::<ThreadRow>(item).map(|row| Some(row.into()))
    }

    /// Attempts once to create the thread. `count` is the update that counts it, on condition that the quota is not used
    /// up.
    async fn try_create(&self, row: &ThreadRow, count: UpdateBuilder) -> Result<Attempt, Error> {
        let reference = ThreadRef { thread_id: row.id.clone() };
        let mut puts = vec![
            self.table
                .transaction_put(to_item(&keys::member_set(&row.member_ids), &reference)?)
                .condition_expression(IS_NEW),
            self.table.transaction_put(to_item(&keys::thread(&row.id), row)?),
        ];
        for member in &row.member_ids {
            puts.push(self.table.transaction_put(to_item(&keys::membership(member, &row.id), &reference)?));
        }
        let writes = puts.into_iter().map(Write::Put).chain([Write::Update(count)]);
        Ok(match self.table.transact(writes).await? {
            TransactionResult::Committed => Attempt::Created,
            // The first write is that of the member set. If its condition failed, the thread exists, and finding it is
            // free.
            TransactionResult::ConditionFailed(rows) if matches!(rows[..], [None, .., Some(_)]) => {
                Attempt::QuotaExceeded
            }
            TransactionResult::ConditionFailed(_) | TransactionResult::Conflict => Attempt::Conflict,
        })
    }

    /// Reads a thread with its members' names. Returns `None` if it does not exist or `viewer` is not a member.
    pub async fn thread(&self, id: &ThreadId, viewer: &UserId) -> Result<Option<ThreadDetails>, Error> {
        let Some(item) = self.table.get(&keys::thread(id)).await? else { return Ok(None) };
        let row: ThreadRow = from_item(item)?;
        if !row.member_ids.contains(viewer) {
            return Ok(None);
        }
        let names = self.names(&row.member_ids).await?;
        let member_names = row.member_ids.iter().map(|id| names.of(id)).collect();
        Ok(Some(ThreadDetails { thread: row.into(), member_names }))
    }

    /// Returns whether the thread exists and `user` is a member. Reads nothing if this instance has cached the thread's
    /// members.
    pub async fn is_member(&self, id: &ThreadId, user: &UserId) -> Result<bool, Error> {
        if let Some(members) = self.members.get(id) {
            return Ok(members.contains(user));
        }
        let Some(item) = self.table.get(&keys::thread(id)).await? else { return Ok(false) };
        let members: Arc<[UserId]> = from_item::<ThreadRow>(item)?.member_ids.into();
        self.members.insert(id, members.clone());
        Ok(members.contains(user))
    }

    /// Reads a page of the user's threads, most recently active first. It reads and sorts all threads of the user,
    /// because every message changes the order, and an index would cost a write per member and message.
    pub async fn threads(&self, user: &UserId, query: &ThreadsQuery, links: &Links) -> Result<ThreadPage, Error> {
        let mut rows = self.threads_of(user).await?;
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.cursor()));
        if let Some(cursor) = &query.cursor {
            rows.retain(|row| row.cursor() < *cursor);
        }
        let len = page_len(&rows, query.limit as usize, ThreadRow::max_json_bytes);
        let more = rows.len() > len;
        rows.truncate(len);
        let next_cursor = rows.last().filter(|_| more).map(|row| row.cursor().encode());

        let last_messages = rows.iter().filter_map(|row| row.last_message.as_ref());
        let related = self.names_and_files(last_messages, rows.iter().flat_map(|row| &row.member_ids)).await?;
        let threads = rows
            .into_iter()
            .map(|mut row| {
                let last_message =
                    row.last_message.take().map(|message| message.present(&related, links)).transpose()?;
                let member_names = row.member_ids.iter().map(|id| related.names.of(id)).collect();
                Ok(ThreadSummary { details: ThreadDetails { thread: row.into(), member_names }, last_message })
            })
            .collect::<Result<_, Error>>()?;
        Ok(ThreadPage { threads, next_cursor })
    }

    /// Reads all threads of the user, in no particular order.
    async fn threads_of(&self, user: &UserId) -> Result<Vec<ThreadRow>, Error> {
        let ids = self.memberships(user).await?;
        let items = self.table.batch_get(ids.iter().map(keys::thread)).await?;
        let mut rows = items.into_iter().map(from_item).collect::<Result<Vec<ThreadRow>, _>>()?;
        if rows.len() < ids.len() {
            // A batch read is not isolated from transactions: it may miss a thread that is being created, although the
            // user's membership is already visible. A single read sees the whole transaction, so each missing thread is
            // read again.
            let found: HashSet<_> = rows.iter().map(|row| row.id.clone()).collect();
            for id in ids.iter().filter(|id| !found.contains(id)) {
                let key = keys::thread(id);
                let item = self.table.get(&key).await?.ok_or_else(|| Error::MissingRow(key.to_string()))?;
                rows.push(from_item(item)?);
            }
        }
        Ok(rows)
    }

    /// Reads the IDs of all threads that the user is a member of.
    async fn memberships(&self, user: &UserId) -> Result<Vec<ThreadId>, Error> {
        let items = self.table.partition(keys::profile(user).pk, keys::MEMBERSHIP_PREFIX).await?;
        items.into_iter().map(|item| from_item::<ThreadRef>(item).map(|row| row.thread_id)).collect()
    }

    /// Updates the thread's projection if `message` is newer than the thread's last message, and returns whether it was
    /// newer. Calls may be repeated and may come in any order. Returns [`Error::MissingRow`] if the message references
    /// a missing thread.
    pub async fn advance_projection(&self, message: &MessageRow) -> Result<bool, Error> {
        let last_message = serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(message.projected())
            .map_err(|source| Error::BadRow { key: message.key().to_string(), source })?;
        let key = keys::thread(&message.thread_id);
        let updated = self
            .table
            .update(&key)
            .update_expression("SET lastSeq = :seq, lastMessage = :message, updatedAt = :at")
            .condition_expression("attribute_exists(pk) AND lastSeq < :seq")
            .expression_attribute_values(":seq", n(message.seq))
            .expression_attribute_values(":message", last_message)
            .expression_attribute_values(":at", s(message.created_at.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = updated else { return Ok(true) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) if failed.item.is_some() => Ok(false),
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Err(Error::MissingRow(key.to_string())),
            _ => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::limits;

    use super::*;

    #[test]
    fn max_json_bytes_is_an_upper_bound_of_the_largest_thread() {
        // All texts consist of characters that JSON escapes with the most bytes.
        let member = UserId::parse(&"\"".repeat(limits::USER_ID_BYTES)).unwrap();
        let row = ThreadRow {
            id: ThreadId::parse(&format!("thread_{}", "x".repeat(64))).unwrap(),
            title: Some("\u{1}".repeat(limits::TITLE_CHARS)),
            member_ids: vec![member; limits::MEMBERS],
            created_at: Timestamp::now(),
            updated_at: Timestamp::now(),
            last_seq: u64::MAX,
            last_message: None,
        };
        let bound = row.max_json_bytes();
        let details = ThreadDetails { thread: row.into(), member_names: vec!["\u{1}".repeat(100); limits::MEMBERS] };
        let size = serde_json::to_vec(&ThreadSummary { details, last_message: None }).unwrap().len();
        assert!(size <= bound, "a thread of {size} bytes exceeds its bound of {bound}; raise max_json_bytes");
    }
}
