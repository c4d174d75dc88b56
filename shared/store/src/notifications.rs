//! Notifications of a thread's messages: which message they show, and which members and devices receive them.

use contract::{FileId, ThreadId, Timestamp, UserId};

use crate::chat::Chat;
use crate::error::{Error, condition_failed};
use crate::keys;
use crate::memberships::{MembershipChange, MembershipRow};
use crate::message_row::MessageRow;
use crate::push_subscriptions::SubscriptionRow;
use crate::row::{Item, from_item, n, s};

/// How many of a thread's last messages are read to find the newest one that is not deleted.
const NEWEST: u32 = 10;

/// The thread and the message that a notification shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadNews {
    /// The thread's title, if it has one.
    pub title: Option<String>,
    /// The thread's members.
    pub member_ids: Vec<UserId>,
    /// The newest message that is not deleted.
    pub message: NewsMessage,
}

/// The message that a notification shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewsMessage {
    /// The message's number in the thread.
    pub seq: u64,
    /// The user who sent it.
    pub author_id: UserId,
    /// The author's current name.
    pub author_name: String,
    /// The text; empty if the message has only files.
    pub body: String,
    /// The files.
    pub file_ids: Vec<FileId>,
    /// When it was committed.
    pub created_at: Timestamp,
}

/// A user's devices and the number to show on the app's icon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The devices that have not expired.
    pub devices: Vec<SubscriptionRow>,
    /// Number of threads that the user was notified of and has not read, without muted and archived ones. Includes the
    /// thread of this notification.
    pub badge: u64,
}

impl Chat {
    /// Reads the thread and the message that a notification shows. Returns `None` if the thread does not exist, if it
    /// has no messages, or if its last ten messages are deleted.
    pub async fn thread_news(&self, thread: &ThreadId) -> Result<Option<ThreadNews>, Error> {
        let (row, messages) = futures::try_join!(self.thread_row(thread), self.newest_messages(thread, NEWEST))?;
        let newest = messages.into_iter().find(|message| !message.is_deleted());
        let (Some(row), Some(newest)) = (row, newest) else { return Ok(None) };
        let author_name = self.names([&newest.author_id]).await?.of(&newest.author_id);
        let MessageRow { seq, author_id, body, file_ids, created_at, .. } = newest;
        let message = NewsMessage { seq, author_id, author_name, body, file_ids, created_at };
        let (title, member_ids) = row.title_and_members();
        Ok(Some(ThreadNews { title, member_ids, message }))
    }

    /// Returns the devices on which to notify a member of the message `seq`, and records in the membership that the
    /// member is notified. Returns `None` if the user is not a member, has read the message, has muted or archived the
    /// thread, was already notified of a later message, or has no device.
    pub async fn recipient(&self, user: &UserId, thread: &ThreadId, seq: u64) -> Result<Option<Recipient>, Error> {
        let now = Timestamp::now();
        let (devices, memberships) = self.devices_and_memberships(user).await?;
        let devices: Vec<_> = devices.into_iter().filter(|device| device.is_live(now)).collect();
        let wanted = memberships.iter().any(|row| row.thread_id == *thread && row.rings(now) && row.is_unread(seq));
        if devices.is_empty() || !wanted || !self.record_notified(user, thread, seq).await? {
            return Ok(None);
        }
        let others = memberships.iter().filter(|row| row.thread_id != *thread && row.rings(now));
        let badge = 1 + others.filter(|row| row.notified_seq.is_some_and(|seq| row.is_unread(seq))).count() as u64;
        Ok(Some(Recipient { devices, badge }))
    }

    /// Records that a member is notified of the message `seq`, unless they have read it or were notified of a later
    /// message. Returns whether this was recorded. A repeated call for the same message also returns true.
    async fn record_notified(&self, user: &UserId, thread: &ThreadId, seq: u64) -> Result<bool, Error> {
        let update = self
            .table
            .update(&keys::membership(user, thread))
            .update_expression("SET notifiedSeq = :seq, changed = :changed")
            .condition_expression("readSeq < :seq AND (attribute_not_exists(notifiedSeq) OR notifiedSeq <= :seq)")
            .expression_attribute_values(":seq", n(seq))
            .expression_attribute_values(":changed", s(MembershipChange::Notified.as_str()));
        match update.send().await {
            Err(error) if condition_failed(&error) => Ok(false),
            recorded => Ok(recorded.map(|_| true)?),
        }
    }

    /// Reads a user's push subscriptions and memberships with one query.
    async fn devices_and_memberships(
        &self,
        user: &UserId,
    ) -> Result<(Vec<SubscriptionRow>, Vec<MembershipRow>), Error> {
        let (first, last) = keys::push_subscriptions_and_memberships(user);
        let query = self.table.range(first, last);
        let items: Vec<Item> = query.into_paginator().items().send().collect::<Result<_, _>>().await?;
        let (memberships, devices): (Vec<_>, Vec<_>) = items.into_iter().partition(keys::is_membership);
        let devices = devices.into_iter().map(from_item).collect::<Result<_, _>>()?;
        Ok((devices, memberships.into_iter().map(from_item).collect::<Result<_, _>>()?))
    }
}
