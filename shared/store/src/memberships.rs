use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use contract::{OwnState, ReadMark, ThreadId, ThreadSettings, Timestamp, UpdateSettings, UserId};
use serde::{Deserialize, Serialize};

use crate::chat::Chat;
use crate::error::{Error, condition_failed};
use crate::keys;
use crate::row::{Item, from_item, n, s};
use crate::users::ProfileRow;

/// The row of a user's membership in a thread, with their read mark and settings.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MembershipRow {
    pub(crate) thread_id: ThreadId,
    /// The user's read mark. Missing in memberships that were created before read marks existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_seq: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) archived: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    muted_until: Option<Timestamp>,
    /// The `seq` of the last message that the user was notified of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notified_seq: Option<u64>,
}

impl MembershipRow {
    /// Creates the row of a member of a new thread.
    pub(crate) fn new(thread: &ThreadId) -> Self {
        Self { thread_id: thread.clone(), read_seq: Some(0), archived: false, muted_until: None, notified_seq: None }
    }

    /// Returns the member's read mark and settings in a thread whose last message has the number `last_seq`. Without a
    /// stored read mark, all messages count as read.
    pub(crate) fn own_state(&self, last_seq: u64) -> OwnState {
        OwnState { read_seq: self.read_seq.unwrap_or(last_seq), settings: self.settings() }
    }

    /// Returns whether the member may be notified of the thread's messages at the time `now`: they have not archived
    /// the thread, and it is not muted at that time.
    pub(crate) fn rings(&self, now: Timestamp) -> bool {
        !self.archived && self.muted_until.is_none_or(|until| until.millis() <= now.millis())
    }

    /// Returns whether the member has not read the message `seq`. Without a stored read mark, all messages count as
    /// read.
    pub(crate) fn is_unread(&self, seq: u64) -> bool {
        self.read_seq.is_some_and(|mark| mark < seq)
    }

    fn settings(&self) -> ThreadSettings {
        let Self { thread_id: _, read_seq: _, archived, muted_until, notified_seq: _ } = self;
        ThreadSettings { archived: *archived, muted_until: *muted_until }
    }
}

/// What last changed a membership: the value of the attribute `changed`. The template makes Lambda invoke chat-stream
/// only for `Read` and `Settings`, because the other changes need no event of their own: the new read mark of an author
/// is part of the event about their message, and clients do not see who was notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MembershipChange {
    /// The member has moved their read mark.
    Read,
    /// The member has changed their settings.
    Settings,
    /// The member has sent a message.
    Sent,
    /// The member was notified of a message.
    Notified,
}

impl MembershipChange {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Settings => "settings",
            Self::Sent => "sent",
            Self::Notified => "notified",
        }
    }
}

/// Result of [`Chat::mark_read`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadResult {
    /// This read mark is now in effect.
    Mark(u64),
    /// The thread has no message with the requested `seq`. Nothing was written.
    NoMessage,
    /// The user is not a member of the thread, or the thread does not exist. Nothing was written.
    NotMember,
}

/// A member's current read mark and settings in a thread, for announcements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberState {
    /// The member's read mark, if one is stored.
    pub read_seq: Option<u64>,
    /// The member's settings for the thread.
    pub settings: ThreadSettings,
    /// Whether other members may see the read mark.
    pub receipts: bool,
}

/// Memberships in one thread and the profiles of their users, by user.
pub(crate) struct MembersAndProfiles {
    pub(crate) memberships: HashMap<UserId, MembershipRow>,
    pub(crate) profiles: HashMap<UserId, ProfileRow>,
}

impl MembersAndProfiles {
    /// Returns whether the user shares their read marks.
    pub(crate) fn receipts(&self, user: &UserId) -> bool {
        self.profiles.get(user).is_none_or(|profile| profile.receipts)
    }
}

impl Chat {
    /// Moves the user's read mark in a thread forward to `seq`, which must be 0 or the `seq` of a message. Never moves it
    /// back, and never creates a membership.
    pub async fn mark_read(&self, user: &UserId, thread: &ThreadId, seq: u64) -> Result<ReadResult, Error> {
        let (membership, last) = futures::try_join!(self.membership(user, thread), self.known_end(thread, seq))?;
        let Some(membership) = membership else { return Ok(ReadResult::NotMember) };
        if seq > last {
            return Ok(ReadResult::NoMessage);
        }
        let seq = match membership.read_seq {
            Some(mark) if mark >= seq => return Ok(ReadResult::Mark(mark)),
            Some(_) => seq,
            // Without a stored mark, all messages counted as read. A mark never moves back, so the first one that is
            // stored is the thread's last `seq`.
            None => self.last_seq(thread).await?,
        };
        let mark = self.move_mark(user, thread, seq, MembershipChange::Read).await?;
        Ok(mark.map_or(ReadResult::NotMember, ReadResult::Mark))
    }

    /// Finds out whether the thread has the message `seq`. Returns a number that is less than `seq` if and only if the
    /// thread does not have the message. Reads nothing if `seq` is 0, or if this instance knows that the message
    /// exists.
    async fn known_end(&self, thread: &ThreadId, seq: u64) -> Result<u64, Error> {
        match self.last_seqs.get(thread) {
            Some(last) if last >= seq => Ok(last),
            _ if seq == 0 => Ok(0),
            _ => self.last_seq(thread).await,
        }
    }

    /// Moves the read mark of a message's author forward to the message. Does nothing if the author has no membership
    /// in the thread. Calls may be repeated and may come in any order.
    pub async fn record_sent(&self, thread: &ThreadId, sent: &ReadMark) -> Result<(), Error> {
        self.move_mark(&sent.user_id, thread, sent.seq, MembershipChange::Sent).await.map(drop)
    }

    /// Moves a read mark forward. Returns the mark that is now in effect, or `None` if the user is not a member.
    async fn move_mark(
        &self,
        user: &UserId,
        thread: &ThreadId,
        seq: u64,
        change: MembershipChange,
    ) -> Result<Option<u64>, Error> {
        let updated = self
            .table
            .update(&keys::membership(user, thread))
            .update_expression("SET readSeq = :seq, changed = :changed")
            .condition_expression("attribute_exists(pk) AND (attribute_not_exists(readSeq) OR readSeq < :seq)")
            .expression_attribute_values(":seq", n(seq))
            .expression_attribute_values(":changed", s(change.as_str()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = updated else { return Ok(Some(seq)) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let row = failed.item.clone().map(from_item::<MembershipRow>).transpose()?;
                Ok(row.map(|row| row.read_seq.unwrap_or(seq)))
            }
            _ => Err(error.into()),
        }
    }

    /// Changes the user's settings for a thread and returns all of them. Returns `None` and writes nothing if the user is
    /// not a member of the thread.
    pub async fn update_settings(
        &self,
        user: &UserId,
        thread: &ThreadId,
        update: UpdateSettings,
    ) -> Result<Option<ThreadSettings>, Error> {
        let UpdateSettings { archived, muted_until } = update;
        if archived.is_none() && muted_until.is_none() {
            return Ok(self.membership(user, thread).await?.map(|row| row.settings()));
        }
        let (mut set, mut remove) = (vec!["changed = :changed"], Vec::new());
        let mut request = self
            .table
            .update(&keys::membership(user, thread))
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":changed", s(MembershipChange::Settings.as_str()));
        match archived {
            Some(true) => {
                set.push("archived = :archived");
                request = request.expression_attribute_values(":archived", AttributeValue::Bool(true));
            }
            Some(false) => remove.push("archived"),
            None => {}
        }
        match muted_until {
            Some(Some(time)) => {
                set.push("mutedUntil = :mutedUntil");
                request = request.expression_attribute_values(":mutedUntil", s(time.to_string()));
            }
            Some(None) => remove.push("mutedUntil"),
            None => {}
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            expression = format!("{expression} REMOVE {}", remove.join(", "));
        }
        match request.update_expression(expression).return_values(ReturnValue::AllNew).send().await {
            Ok(updated) => {
                let row: MembershipRow = from_item(updated.attributes.unwrap_or_default())?;
                Ok(Some(row.settings()))
            }
            Err(error) if condition_failed(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a member's current read mark and settings in a thread. Returns `None` if the user is not a member.
    pub async fn member_state(&self, user: &UserId, thread: &ThreadId) -> Result<Option<MemberState>, Error> {
        let related = self.members_and_profiles(thread, std::slice::from_ref(user)).await?;
        Ok(related.memberships.get(user).map(|row| MemberState {
            read_seq: row.read_seq,
            settings: row.settings(),
            receipts: related.receipts(user),
        }))
    }

    /// Reads the memberships of `users` in a thread, and their profiles, in one batch.
    pub(crate) async fn members_and_profiles(
        &self,
        thread: &ThreadId,
        users: &[UserId],
    ) -> Result<MembersAndProfiles, Error> {
        let keys = users.iter().flat_map(|user| [keys::membership(user, thread), keys::profile(user)]);
        let mut read = MembersAndProfiles { memberships: HashMap::new(), profiles: HashMap::new() };
        for item in self.table.batch_get(keys).await? {
            let Some(user) = keys::user_of(&item) else { continue };
            if keys::is_membership(&item) {
                read.memberships.insert(user, from_item(item)?);
            } else {
                read.profiles.insert(user, from_item(item)?);
            }
        }
        Ok(read)
    }

    /// Reads a user's membership in a thread. Returns `None` if the user is not a member.
    pub(crate) async fn membership(&self, user: &UserId, thread: &ThreadId) -> Result<Option<MembershipRow>, Error> {
        self.table.get(&keys::membership(user, thread)).await?.map(from_item).transpose()
    }

    /// Reads all memberships of a user.
    pub(crate) async fn memberships(&self, user: &UserId) -> Result<Vec<MembershipRow>, Error> {
        let items: Vec<Item> = self.table.partition(keys::profile(user).pk, keys::MEMBERSHIP_PREFIX).await?;
        items.into_iter().map(from_item).collect()
    }
}
