use std::collections::HashSet;
use std::sync::Arc;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use contract::{
    CreateThread, Thread, ThreadCursor, ThreadDetails, ThreadId, ThreadPage, ThreadSummary, ThreadsQuery, Timestamp,
    UserId,
};
use serde::{Deserialize, Serialize};

use crate::backoff;
use crate::chat::Chat;
use crate::error::Error;
use crate::keys;
use crate::links::Links;
use crate::messages::MessageRow;
use crate::page::fitting;
use crate::row::{from_item, n, s, to_item};
use crate::transaction::{IS_NEW, Transacted};

/// The row of a thread. The last three are a projection of its messages, which the stream function keeps.
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
    /// Bytes that the thread takes as JSON, at most: each member comes with a name of up to 100 characters.
    fn json_bytes(&self) -> usize {
        let members: usize = self.member_ids.iter().map(|id| id.as_str().len() + 400).sum();
        members + self.last_message.as_ref().map_or(0, MessageRow::json_bytes)
    }

    fn cursor(&self) -> ThreadCursor {
        ThreadCursor { updated_at: self.updated_at, id: self.id.clone() }
    }
}

impl From<ThreadRow> for Thread {
    fn from(row: ThreadRow) -> Self {
        let ThreadRow { id, title, member_ids, created_at, updated_at, .. } = row;
        Self { id, title, member_ids, created_at, updated_at }
    }
}

/// A row that names a thread: a membership, or the guard of a member set.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ThreadRef {
    thread_id: ThreadId,
}

/// What [`Chat::create_thread`] came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreatedThread {
    /// There was none; now there is.
    New(Thread),
    /// There was one; its title stays as it is.
    Existing(Thread),
}

impl Chat {
    /// Creates, or finds, the thread of exactly these members: one for each set, however many ask at once.
    pub async fn create_thread(&self, request: &CreateThread) -> Result<CreatedThread, Error> {
        let now = Timestamp::now();
        let row = ThreadRow {
            id: ThreadId::new(),
            title: request.title.clone(),
            member_ids: request.member_ids.clone(),
            created_at: now,
            updated_at: now,
            last_seq: 0,
            last_message: None,
        };
        for attempt in 0..50 {
            match self.thread_of_members(&row.member_ids).await? {
                // Ours, where an attempt was in doubt and had succeeded.
                Some(thread) if thread.id == row.id => return Ok(CreatedThread::New(thread)),
                Some(thread) => return Ok(CreatedThread::Existing(thread)),
                None if self.try_create(&row).await? => return Ok(CreatedThread::New(row.into())),
                None => backoff::pause(attempt).await,
            }
        }
        Err(Error::Unavailable("too many creators of one thread".into()))
    }

    async fn thread_of_members(&self, members: &[UserId]) -> Result<Option<Thread>, Error> {
        let Some(item) = self.table.get(&keys::member_set(members)).await? else { return Ok(None) };
        let ThreadRef { thread_id } = from_item(item)?;
        let key = keys::thread(&thread_id);
        let item = self.table.get(&key).await?.ok_or_else(|| Error::MissingRow(key.to_string()))?;
        from_item::<ThreadRow>(item).map(|row| Some(row.into()))
    }

    /// One attempt at the transaction that creates a thread: false where somebody else created it, or is about to.
    async fn try_create(&self, row: &ThreadRow) -> Result<bool, Error> {
        let reference = ThreadRef { thread_id: row.id.clone() };
        let mut puts = vec![
            self.table.put_in(to_item(&keys::member_set(&row.member_ids), &reference)?).condition_expression(IS_NEW),
            self.table.put_in(to_item(&keys::thread(&row.id), row)?),
        ];
        for member in &row.member_ids {
            puts.push(self.table.put_in(to_item(&keys::membership(member, &row.id), &reference)?));
        }
        Ok(matches!(self.table.transact(puts).await?, Transacted::Done))
    }

    /// The thread with its members' names, if `viewer` is one of them.
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

    /// Whether there is such a thread and `user` belongs to it; free for a warm function that knows the thread.
    pub async fn is_member(&self, id: &ThreadId, user: &UserId) -> Result<bool, Error> {
        if let Some(members) = self.members.get(id) {
            return Ok(members.contains(user));
        }
        let Some(item) = self.table.get(&keys::thread(id)).await? else { return Ok(false) };
        let members: Arc<[UserId]> = from_item::<ThreadRow>(item)?.member_ids.into();
        self.members.insert(id, members.clone());
        Ok(members.contains(user))
    }

    /// A page of the user's threads, most recently active first. Reads all of them and sorts: activity changes
    /// the order with every message, and an index of it would cost a write for each member and message.
    pub async fn threads(&self, user: &UserId, query: &ThreadsQuery, links: &Links) -> Result<ThreadPage, Error> {
        let mut rows = self.threads_of(user).await?;
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.cursor()));
        if let Some(cursor) = &query.cursor {
            rows.retain(|row| row.cursor() < *cursor);
        }
        let fits = fitting(&rows, query.limit as usize, ThreadRow::json_bytes);
        let more = rows.len() > fits;
        rows.truncate(fits);
        let next_cursor = rows.last().filter(|_| more).map(|row| row.cursor().encode());

        let last_messages = rows.iter().filter_map(|row| row.last_message.as_ref());
        let context = self.context(last_messages, rows.iter().flat_map(|row| &row.member_ids)).await?;
        let threads = rows
            .into_iter()
            .map(|mut row| {
                let last_message =
                    row.last_message.take().map(|message| message.present(&context, links)).transpose()?;
                let member_names = row.member_ids.iter().map(|id| context.names.of(id)).collect();
                Ok(ThreadSummary { details: ThreadDetails { thread: row.into(), member_names }, last_message })
            })
            .collect::<Result<_, Error>>()?;
        Ok(ThreadPage { threads, next_cursor })
    }

    /// All threads of the user, in no order.
    async fn threads_of(&self, user: &UserId) -> Result<Vec<ThreadRow>, Error> {
        let ids = self.memberships(user).await?;
        let items = self.table.batch_get(ids.iter().map(keys::thread)).await?;
        let mut rows = items.into_iter().map(from_item).collect::<Result<Vec<ThreadRow>, _>>()?;
        if rows.len() < ids.len() {
            // A batch may see half of a transaction: a thread that is being created has its membership and not yet
            // itself. A single read sees all or nothing.
            let seen: HashSet<_> = rows.iter().map(|row| row.id.clone()).collect();
            for id in ids.iter().filter(|id| !seen.contains(id)) {
                let key = keys::thread(id);
                let item = self.table.get(&key).await?.ok_or_else(|| Error::MissingRow(key.to_string()))?;
                rows.push(from_item(item)?);
            }
        }
        Ok(rows)
    }

    async fn memberships(&self, user: &UserId) -> Result<Vec<ThreadId>, Error> {
        let items = self.table.partition(keys::profile(user).pk, keys::MEMBERSHIP_PREFIX).await?;
        items.into_iter().map(|item| from_item::<ThreadRef>(item).map(|row| row.thread_id)).collect()
    }

    /// Moves the thread's projection forward to `message`; false where it is there or further already. May be
    /// repeated, and called in any order.
    pub async fn advance_projection(&self, message: &MessageRow) -> Result<bool, Error> {
        let last_message = serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(message.without_mark())
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
