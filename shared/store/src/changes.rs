//! Changes to messages: edits, deletions and reactions.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use contract::{
    ApiError, ChangeId, EditMessage, Emoji, ErrorCode, IdempotencyKey, Message, Problem, Profile, ThreadId, Timestamp,
    is_visible,
};
use tokio::time::Instant;

use crate::backoff;
use crate::chat::Chat;
use crate::error::Error;
use crate::links::Links;
use crate::message_rate::MessageRate;
use crate::message_row::MessageRow;
use crate::quotas::QuotaExceeded;
use crate::revisions::{ChangeKind, RevisionRow};
use crate::row::{from_item, n};
use crate::transaction::{TransactionResult, Write};

/// How long a change is attempted again because of other changes in the same thread. On AWS, one change takes about
/// 20 ms, so 12 s are enough for hundreds of concurrent changes.
const TIMEOUT: Duration = Duration::from_secs(12);

/// A change to a message.
#[derive(Debug, Clone, Copy)]
pub struct NewChange<'a> {
    /// The message's thread.
    pub thread_id: &'a ThreadId,
    /// The message's number in the thread.
    pub seq: u64,
    /// The user who makes the change, as their token describes them.
    pub caller: &'a Profile,
    /// What the change does.
    pub change: Change<'a>,
}

/// What a change does.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// Replaces the text. Only the author may do so, and only until the message is older than `window`.
    Edit {
        /// The new text.
        body: &'a str,
        /// The maximum age of the message.
        window: Duration,
    },
    /// Erases the message's text, files and reactions, and the number of the message that it replies to. The row
    /// remains as a tombstone. Only the author may do so.
    Delete,
    /// Sets or replaces the caller's reaction.
    React(Emoji),
    /// Removes the caller's reaction.
    Unreact,
}

/// Why a change was refused. The message has not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The thread does not exist, or the caller is not a member of it.
    NotMember,
    /// The thread has no message with this `seq`.
    NoMessage,
    /// The caller is not the message's author.
    NotAuthor,
    /// The message is too old to be edited.
    EditWindowOver,
    /// The message is deleted.
    Deleted,
    /// The new text has no visible character, and the message has no files.
    Invisible,
    /// The caller has sent and changed too many messages in this minute.
    RateLimited(QuotaExceeded),
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        Self::Problem(match refused {
            Refused::NotMember => Problem::thread_not_found(),
            Refused::NoMessage => Problem::message_not_found(),
            Refused::NotAuthor => {
                Problem::new(ErrorCode::NotAuthor, "Only the author of a message may edit or delete it.")
            }
            Refused::EditWindowOver => Problem::new(
                ErrorCode::EditWindowOver,
                "The message is too old to be edited. You may delete it and send a new one.",
            ),
            Refused::Deleted => Problem::new(ErrorCode::MessageDeleted, "The message was deleted."),
            Refused::Invisible => EditMessage::invisible(),
            Refused::RateLimited(exceeded) => Problem::rate_limited(exceeded.retry_after),
        })
    }
}

/// Result of one attempt to commit a change.
enum CommitResult {
    Committed,
    /// Another change has taken the number of this revision, or has changed the message since it was read.
    Outdated,
    /// The message's idempotency record does not exist any more, or belongs to a later message with the same key. So
    /// the next attempt must not update the record.
    RecordGone,
    /// A concurrent write to the same rows interfered. The same attempt may succeed shortly.
    Conflict,
}

impl Chat {
    /// Changes a message, unless `rate` says that the caller has sent and changed too many messages in this minute. A change
    /// that is already in effect writes nothing. Returns the message after the change.
    ///
    /// The change gets the thread's next revision: n+1, where n is the last one. One transaction writes the revision's
    /// row `REV#n+1`, on condition that the row does not exist, and the message, on condition that nobody has changed
    /// it since it was read. So revisions have no gaps, and a change is made once.
    pub async fn change(
        &self,
        new: NewChange<'_>,
        rate: &MessageRate,
        links: &Links,
    ) -> Result<Result<Message, Refused>, Error> {
        let author = &new.caller.id;
        if let Err(exceeded) = rate.count(author) {
            return Ok(Err(Refused::RateLimited(exceeded)));
        }
        let changed = self.commit_change(new).await?;
        match &changed {
            Ok((_, true)) => rate.share(self, author).await,
            Ok((_, false)) | Err(_) => rate.uncount(author),
        }
        match changed {
            Ok((row, _)) => self.present_message(row, links).await.map(Ok),
            Err(refused) => Ok(Err(refused)),
        }
    }

    /// Commits a change. Returns the message after the change, and whether this call has written it: false if the
    /// change was already in effect.
    async fn commit_change(&self, new: NewChange<'_>) -> Result<Result<(MessageRow, bool), Refused>, Error> {
        let NewChange { thread_id, seq, caller, change } = new;
        let last = async {
            match self.last_revs.get(thread_id) {
                Some(rev) => Ok(rev),
                None => self.last_rev(thread_id).await,
            }
        };
        let (is_member, (), mut row, mut last) = futures::try_join!(
            self.is_member(thread_id, &caller.id),
            self.record_profile(caller),
            self.message_at(thread_id, seq),
            last
        )?;
        if !is_member {
            return Ok(Err(Refused::NotMember));
        }
        // An attempt may have committed the change although its answer was lost. So all attempts write the same ID and
        // the same time, and the returned message equals the stored one, whichever attempt stored it.
        let (start, change_id, now) = (Instant::now(), ChangeId::new(), Timestamp::now());
        let mut record_exists = true;
        for attempt in 0.. {
            let Some(before) = row.take() else { return Ok(Err(Refused::NoMessage)) };
            let after = match after(&before, caller, change, now) {
                // The last revision that this instance has cached may be older than the message's revision. The new
                // revision follows the newer of the two.
                Ok(Some(after)) => MessageRow { rev: last.max(before.rev) + 1, ..after },
                Ok(None) => return Ok(Ok((before, false))),
                Err(refused) => return Ok(Err(refused)),
            };
            match self.try_commit(&before, &after, change, &change_id, record_exists).await? {
                CommitResult::Committed => {
                    self.last_revs.insert(thread_id, after.rev);
                    return Ok(Ok((after, true)));
                }
                _ if start.elapsed() > TIMEOUT => break,
                CommitResult::Outdated => {
                    backoff::pause(attempt).await;
                    (row, last) = futures::try_join!(self.message_at(thread_id, seq), self.last_rev(thread_id))?;
                }
                CommitResult::RecordGone => {
                    record_exists = false;
                    row = Some(before);
                }
                // The attempt may have committed the change although its answer was lost. The next attempt uses the
                // same revision, and then finds the revision's row with the ID of this change.
                CommitResult::Conflict => {
                    backoff::pause(attempt).await;
                    row = Some(before);
                }
            }
        }
        Err(Error::Unavailable("too many concurrent changes in one thread".into()))
    }

    async fn try_commit(
        &self,
        before: &MessageRow,
        after: &MessageRow,
        change: Change<'_>,
        change_id: &ChangeId,
        record_exists: bool,
    ) -> Result<CommitResult, Error> {
        let revision = RevisionRow {
            rev: after.rev,
            seq: after.seq,
            kind: change.kind(),
            change_id: change_id.clone(),
            file_ids: if after.is_deleted() { before.file_ids.iter().cloned().collect() } else { BTreeSet::new() },
        };
        let mut writes = vec![
            Write::Put(self.put_revision(&after.thread_id, &revision)?),
            Write::Update(self.update_message(before, after)?),
        ];
        // The first edit or deletion removes the idempotency key from the message's row. The same transaction erases
        // the hash of the content in the message's idempotency record.
        let key = before.idempotency_key.as_deref().filter(|_| record_exists && after.idempotency_key.is_none());
        let key = key.and_then(|key| IdempotencyKey::parse(key.as_bytes()).ok());
        writes.extend(key.as_ref().map(|key| Write::Update(self.erase_content_hash(before, key))));
        if !revision.file_ids.is_empty() {
            writes.extend(self.remove_file_uses(before).await?.into_iter().map(Write::Update));
        }
        let mut existing = match self.table.transact(writes).await? {
            TransactionResult::Committed => return Ok(CommitResult::Committed),
            TransactionResult::Conflict => return Ok(CommitResult::Conflict),
            TransactionResult::ConditionFailed(rows) => rows.into_iter(),
        };
        let (taken, changed) = (existing.next().flatten(), existing.next().flatten());
        if let Some(taken) = taken {
            let taken: RevisionRow = from_item(taken)?;
            // If the IDs are equal, an earlier attempt of this change has written the row, and its answer was lost.
            let own = taken.change_id == *change_id;
            return Ok(if own { CommitResult::Committed } else { CommitResult::Outdated });
        }
        if changed.is_none() && key.is_some() && existing.next().flatten().is_some() {
            return Ok(CommitResult::RecordGone);
        }
        Ok(CommitResult::Outdated)
    }

    /// Returns the update that turns the message `before` into `after`, on condition that no other change was made since
    /// `before` was read. It writes only the attributes that differ, so it leaves the undelivered flag as it is.
    fn update_message(&self, before: &MessageRow, after: &MessageRow) -> Result<UpdateBuilder, Error> {
        let (old, new) = (before.to_item()?, after.to_item()?);
        let mut update = self.table.transaction_update(&before.key());
        let (mut set, mut remove) = (Vec::new(), Vec::new());
        let changed: BTreeSet<_> =
            old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name)).collect();
        // The name of a reaction's attribute contains a user ID, which may have any character. The expression may not
        // contain such a name, so it has a placeholder for the name of each attribute.
        for (index, name) in changed.into_iter().enumerate() {
            update = update.expression_attribute_names(format!("#{index}"), name);
            if let Some(value) = new.get(name) {
                set.push(format!("#{index} = :{index}"));
                update = update.expression_attribute_values(format!(":{index}"), value.clone());
            } else {
                remove.push(format!("#{index}"));
            }
        }
        update = match before.rev {
            0 => update.condition_expression("attribute_exists(pk) AND attribute_not_exists(rev)"),
            rev => update.condition_expression("rev = :before").expression_attribute_values(":before", n(rev)),
        };
        let remove = if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
        Ok(update.update_expression(format!("SET {}{remove}", set.join(", "))))
    }
}

impl Change<'_> {
    fn kind(self) -> ChangeKind {
        match self {
            Self::Edit { .. } => ChangeKind::Edit,
            Self::Delete => ChangeKind::Delete,
            Self::React(_) | Self::Unreact => ChangeKind::Reaction,
        }
    }
}

/// Returns the message after a change at the time `now`, still with the old revision. Returns `None` if the change is
/// already in effect.
fn after(
    before: &MessageRow,
    caller: &Profile,
    change: Change<'_>,
    now: Timestamp,
) -> Result<Option<MessageRow>, Refused> {
    let (is_author, deleted) = (before.author_id == caller.id, before.is_deleted());
    let mut after = before.clone();
    match change {
        Change::Edit { .. } | Change::Delete if !is_author => return Err(Refused::NotAuthor),
        Change::Delete if deleted => return Ok(None),
        Change::Unreact if !before.reactions.contains_key(&caller.id) => return Ok(None),
        _ if deleted => return Err(Refused::Deleted),
        Change::Edit { body, .. } if body == before.body => return Ok(None),
        Change::Edit { body, .. } if before.file_ids.is_empty() && !is_visible(body) => return Err(Refused::Invisible),
        Change::Edit { body, window } => {
            let age = u64::try_from(now.millis() - before.created_at.millis()).unwrap_or_default();
            if Duration::from_millis(age) > window {
                return Err(Refused::EditWindowOver);
            }
            body.clone_into(&mut after.body);
            after.edited_at = Some(now);
            after.idempotency_key = None;
        }
        Change::Delete => {
            // The pattern names every field of the row. So after a field is added, the code does not compile until the
            // field is either kept or erased here.
            let MessageRow {
                id: _,
                thread_id: _,
                seq: _,
                author_id: _,
                body,
                file_ids,
                created_at: _,
                rev: _,
                edited_at,
                deleted_at,
                reply_to,
                idempotency_key,
                reactions,
                undelivered: _,
            } = &mut after;
            body.clear();
            file_ids.clear();
            (*edited_at, *deleted_at, *reply_to, *idempotency_key) = (None, Some(now), None, None);
            reactions.clear();
        }
        Change::React(emoji) => {
            if before.reactions.get(&caller.id).is_some_and(|set| set == emoji.as_str()) {
                return Ok(None);
            }
            after.reactions.insert(caller.id.clone(), emoji.as_str().to_owned());
        }
        Change::Unreact => _ = after.reactions.remove(&caller.id),
    }
    Ok(Some(after))
}
