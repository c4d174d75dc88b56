//! Revisions: the numbered changes to a thread's messages.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::builders::PutBuilder;
use contract::{ChangeCursor, ChangeId, Changes, ChangesQuery, FileId, ThreadId, limits};
use serde::{Deserialize, Serialize};

use crate::backoff::retry_conflicts;
use crate::chat::Chat;
use crate::error::{Error, condition_failed};
use crate::keys;
use crate::links::Links;
use crate::message_row::MessageRow;
use crate::page::page_len;
use crate::row::{from_item, to_item};
use crate::transaction::IS_NEW;

/// How many of a thread's last revisions `settled_rev` checks: their changes may not be visible in their messages yet.
/// The changes of older revisions are visible, because the rows of a transaction become visible within milliseconds.
const UNSETTLED: u32 = 5;

/// What a change did to its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// The author edited the message.
    Edit,
    /// The author deleted the message.
    Delete,
    /// A member set or removed their reaction.
    Reaction,
}

/// The row of a revision. It names the changed message and the kind of the change, but contains no text, emoji or user.
/// It never expires: the row of the last revision tells which number the next revision gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionRow {
    /// The number of the revision.
    pub rev: u64,
    /// The number of the changed message.
    pub seq: u64,
    /// What the change did.
    pub kind: ChangeKind,
    /// ID of the change that wrote this row. If a change finds that the row of its revision already exists, the ID
    /// tells whether another change has written the row, or an earlier attempt of the same change, whose answer was
    /// lost.
    pub(crate) change_id: ChangeId,
    /// If the change deleted the message: the message's files. Empty again once those files that nothing uses any more
    /// are deleted.
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        serialize_with = "serde_dynamo::string_set::serialize"
    )]
    pub file_ids: BTreeSet<FileId>,
}

/// A revision and its message, which has this change and maybe later ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedMessage {
    /// The revision.
    pub revision: RevisionRow,
    /// The message as it is now.
    pub message: MessageRow,
}

impl Chat {
    /// Returns the put that writes the row of a new revision. It fails if the thread already has a revision with this
    /// number. It belongs into the transaction that changes the message.
    pub(crate) fn put_revision(&self, thread: &ThreadId, row: &RevisionRow) -> Result<PutBuilder, Error> {
        let item = to_item(&keys::revision(thread, row.rev), row)?;
        Ok(self.table.transaction_put(item).condition_expression(IS_NEW))
    }

    /// Reads the number of the thread's last revision; 0 if there is none.
    pub async fn last_rev(&self, thread: &ThreadId) -> Result<u64, Error> {
        let last = self.query_revisions(thread, 1, u64::MAX, false, 1).await?;
        let rev = last.first().map_or(0, |row| row.rev);
        self.last_revs.insert(thread, rev);
        Ok(rev)
    }

    /// Reads the last revision up to which reads of messages show all changes; 0 if there is none. A transaction's rows become
    /// visible one by one, so a later revision may exist whose message does not show its change yet.
    pub async fn settled_rev(&self, thread: &ThreadId) -> Result<u64, Error> {
        let revisions = self.query_revisions(thread, 1, u64::MAX, false, UNSETTLED).await?;
        let items = self.table.batch_get(revisions.iter().map(|row| keys::message(thread, row.seq))).await?;
        let messages: Vec<_> = items.into_iter().map(MessageRow::parse).collect::<Result<_, _>>()?;
        let lags =
            |row: &&RevisionRow| !messages.iter().any(|message| message.seq == row.seq && message.rev >= row.rev);
        let first_unsettled = revisions.iter().rev().find(lags).map(|row| row.rev - 1);
        Ok(first_unsettled.or_else(|| revisions.first().map(|row| row.rev)).unwrap_or(0))
    }

    /// Reads a revision. Returns `None` if it does not exist.
    pub async fn revision(&self, thread: &ThreadId, rev: u64) -> Result<Option<RevisionRow>, Error> {
        self.table.get(&keys::revision(thread, rev)).await?.map(from_item).transpose()
    }

    /// Reads a page of the messages that were changed after a revision.
    pub async fn changes(&self, thread: &ThreadId, query: &ChangesQuery, links: &Links) -> Result<Changes, Error> {
        let ChangesQuery { limit, after } = *query;
        let last = self.last_rev(thread).await?;
        if after > last || last - after > limits::CHANGES {
            // After a reset, the client reads the messages again, and later requests changes after this revision. So
            // the messages must already show all changes up to this revision.
            return Ok(Changes::Reset { reset: true, rev: self.settled_rev(thread).await? });
        }
        if after == last {
            return Ok(Changes::Page { messages: Vec::new(), rev: last, next_cursor: None });
        }
        let revisions = self.query_revisions(thread, after + 1, last, true, limit).await?;
        // The first revision of each message among `revisions`, and the message's `seq`. If a page cannot contain all
        // of these messages, because they are too large, it ends before the first revision of the first message that it
        // leaves out.
        let mut firsts: Vec<(u64, u64)> = Vec::new();
        for row in &revisions {
            if !firsts.iter().any(|(_, seq)| *seq == row.seq) {
                firsts.push((row.rev, row.seq));
            }
        }
        let mut found = self.messages_at_least(thread, wanted(&revisions)).await?;
        let missing = |seq| Error::MissingRow(keys::message(thread, seq).to_string());
        let rows = firsts.iter().map(|(_, seq)| found.remove(seq).ok_or_else(|| missing(*seq)));
        let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
        let len = page_len(&rows, rows.len(), MessageRow::max_json_bytes);
        rows.truncate(len);
        let rev = match firsts.get(len) {
            Some((first_left_out, _)) => first_left_out - 1,
            None => revisions.last().map_or(after, |row| row.rev),
        };
        let next_cursor = (rev < last).then(|| ChangeCursor { rev }.encode());
        Ok(Changes::Page { messages: self.present(rows, links).await?, rev, next_cursor })
    }

    /// Reads the given revisions of a thread, each with its message, in ascending order. Leaves out a revision if it or
    /// its message does not exist.
    pub async fn changed_messages(&self, thread: &ThreadId, revs: &[u64]) -> Result<Vec<ChangedMessage>, Error> {
        let items = self.table.batch_get(revs.iter().map(|rev| keys::revision(thread, *rev))).await?;
        let mut revisions: Vec<RevisionRow> = items.into_iter().map(from_item).collect::<Result<_, _>>()?;
        revisions.sort_unstable_by_key(|row| row.rev);
        let found = self.messages_at_least(thread, wanted(&revisions)).await?;
        let changed = revisions.into_iter().filter_map(|revision| {
            let message = found.get(&revision.seq)?.clone();
            Some(ChangedMessage { revision, message })
        });
        Ok(changed.collect())
    }

    /// Removes the file IDs from the revision of a deletion. Call this after those files that nothing uses any more are
    /// deleted. Does nothing if the revision does not exist. Idempotent.
    pub async fn finish_erasure(&self, thread: &ThreadId, rev: u64) -> Result<(), Error> {
        let update = self.table.update(&keys::revision(thread, rev)).update_expression("REMOVE fileIds");
        let update = update.condition_expression("attribute_exists(pk)");
        match retry_conflicts(|| update.clone().send()).await {
            Err(error) if condition_failed(&error) => Ok(()),
            finished => Ok(finished.map(drop)?),
        }
    }

    /// Reads at most `limit` of the revisions from `first` to `last`, in ascending order if `forward`, otherwise in
    /// descending order.
    async fn query_revisions(
        &self,
        thread: &ThreadId,
        first: u64,
        last: u64,
        forward: bool,
        limit: u32,
    ) -> Result<Vec<RevisionRow>, Error> {
        let answer = self
            .table
            .range(keys::revision(thread, first), keys::revision(thread, last))
            .scan_index_forward(forward)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await?;
        answer.items.unwrap_or_default().into_iter().map(from_item).collect()
    }
}

/// Returns the `seq` of each message that `revisions` have changed, with the last of `revisions` that changed it.
fn wanted(revisions: &[RevisionRow]) -> BTreeMap<u64, u64> {
    let mut wanted = BTreeMap::new();
    for row in revisions {
        let rev = wanted.entry(row.seq).or_insert(row.rev);
        *rev = row.rev.max(*rev);
    }
    wanted
}
