use std::sync::Arc;

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use contract::{Thread, ThreadId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::backoff;
use crate::chat::Chat;
use crate::error::Error;
use crate::keys;
use crate::memberships::MembershipRow;
use crate::quotas::{QuotaExceeded, Window};
use crate::row::{from_item, to_item};
use crate::thread_row::ThreadRow;
use crate::transaction::{IS_NEW, TransactionResult, Write};

/// The row of a member set. It refers to the thread with exactly these members.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MemberSetRow {
    thread_id: ThreadId,
}

/// A thread to find or create.
#[derive(Debug, Clone, Copy)]
pub struct NewThread<'a> {
    /// The user who creates the thread. It is not checked whether they have called, because they are calling now.
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
    /// Returns the thread with exactly these members. Creates the thread if it does not exist, all its members have
    /// called (or `allow_unknown` is true), and its creator has not used up today's quota. Concurrent calls with the
    /// same members create one thread.
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
        // A user who has called once stays known. So one check is enough, and the check need not be part of the
        // transaction.
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
        let MemberSetRow { thread_id } = from_item(item)?;
        let key = keys::thread(&thread_id);
        let item = self.table.get(&key).await?.ok_or_else(|| Error::MissingRow(key.to_string()))?;
        from_item::<ThreadRow>(item).map(|row| Some(row.into()))
    }

    /// Attempts once to create the thread. `count` is the update that counts the thread, on condition that the
    /// creator's quota is not used up.
    async fn try_create(&self, row: &ThreadRow, count: UpdateBuilder) -> Result<Attempt, Error> {
        let member_set = MemberSetRow { thread_id: row.id.clone() };
        let membership = MembershipRow::new(&row.id);
        let mut puts = vec![
            self.table
                .transaction_put(to_item(&keys::member_set(&row.member_ids), &member_set)?)
                .condition_expression(IS_NEW),
            self.table.transaction_put(to_item(&keys::thread(&row.id), row)?),
        ];
        for member in &row.member_ids {
            puts.push(self.table.transaction_put(to_item(&keys::membership(member, &row.id), &membership)?));
        }
        let writes = puts.into_iter().map(Write::Put).chain([Write::Update(count)]);
        Ok(match self.table.transact(writes).await? {
            TransactionResult::Committed => Attempt::Created,
            // The first write is that of the member set, and the last one is the update of the quota. If the condition
            // of the first one failed, too, the thread exists. Then the next attempt returns it, although the quota is
            // used up.
            TransactionResult::ConditionFailed(rows) if matches!(rows[..], [None, .., Some(_)]) => {
                Attempt::QuotaExceeded
            }
            TransactionResult::ConditionFailed(_) | TransactionResult::Conflict => Attempt::Conflict,
        })
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
}
