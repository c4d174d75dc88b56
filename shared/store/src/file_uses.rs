//! What uses a file: messages, and its owner's profile. A file that was used and has no use left is erased: it is
//! neither served nor usable again, and its objects in S3 are deleted.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use contract::{FileId, FileStatus, ThreadId, UserId, limits};

use crate::backoff::retry_conflicts;
use crate::chat::Chat;
use crate::error::{Error, condition_failed};
use crate::files::FileRow;
use crate::keys;
use crate::message_row::MessageRow;
use crate::row::{n, s};

/// Condition of a write to a file's row: the file is not erased. `DynamoDB` removes an attribute that is a set together
/// with the set's last element. So `uses` and `threadIds` exist only if they have elements.
pub(crate) const IS_NOT_ERASED: &str =
    "attribute_not_exists(sent) OR attribute_exists(uses) OR attribute_exists(threadIds)";

/// The element of a file's `uses` that stands for the use as its owner's picture. It cannot be equal to the use by a
/// message, which contains `#`.
pub(crate) const PICTURE_USE: &str = "profile";

/// Why a user cannot send a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsendable {
    /// The file does not exist, belongs to another user, has failed or is erased.
    Unusable,
    /// The file already has [`limits::FILE_USES`] uses.
    TooManyUses,
}

impl FileRow {
    /// Returns the threads with messages that use the file.
    #[must_use]
    pub fn threads(&self) -> BTreeSet<ThreadId> {
        let of_uses = self.uses.iter().filter_map(|usage| ThreadId::parse(usage.split_once('#')?.0));
        of_uses.chain(self.thread_ids.iter().cloned()).collect()
    }

    /// Returns whether the file was used, and neither a message nor its owner's profile uses it any more. An erased
    /// file stays erased.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.sent && self.uses.is_empty() && self.thread_ids.is_empty()
    }
}

/// Returns why `owner` cannot send the file with the row `file`; `None` if they can.
pub(crate) fn unsendable(file: Option<&FileRow>, owner: &UserId) -> Option<Unsendable> {
    match file {
        Some(file) if file.owner_id == *owner && file.status != FileStatus::Failed && !file.is_erased() => {
            (file.uses.len() >= limits::FILE_USES).then_some(Unsendable::TooManyUses)
        }
        _ => Some(Unsendable::Unusable),
    }
}

/// Returns the element of a file's `uses` that stands for the use by a message: `threadId#seq`.
fn usage(message: &MessageRow) -> String {
    format!("{}#{}", message.thread_id, message.seq)
}

impl Chat {
    /// Reads the rows of the files with the given IDs, in the same order. If `owner` cannot send all of the files,
    /// returns the IDs of the unsendable ones and the reasons.
    pub(crate) async fn sendable_files(
        &self,
        owner: &UserId,
        ids: &[FileId],
    ) -> Result<Result<Vec<FileRow>, Vec<(FileId, Unsendable)>>, Error> {
        let rows = self.files(ids).await?;
        let (mut files, mut refused) = (Vec::new(), Vec::new());
        for id in ids {
            let file = rows.iter().find(|file| file.id == *id);
            refused.extend(unsendable(file, owner).map(|reason| (id.clone(), reason)));
            files.extend(file.cloned());
        }
        Ok(if refused.is_empty() { Ok(files) } else { Err(refused) })
    }

    /// Returns an update that adds the message to a file's uses, on condition that the message's author can send the
    /// file. It belongs into the transaction that commits the message. After the commit, the thread's members may fetch
    /// the file, and the thread's channel also receives the file's `file:status` event.
    pub(crate) fn add_file_use(&self, message: &MessageRow, id: &FileId) -> UpdateBuilder {
        self.table
            .transaction_update(&keys::file(id))
            .update_expression("SET sent = :true ADD uses :use")
            .condition_expression(format!(
                "ownerId = :owner AND #status <> :failed AND ({IS_NOT_ERASED}) \
                 AND (attribute_not_exists(uses) OR size(uses) < :max)"
            ))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":use", AttributeValue::Ss(vec![usage(message)]))
            .expression_attribute_values(":max", n(limits::FILE_USES))
            .expression_attribute_values(":owner", s(message.author_id.as_str()))
            .expression_attribute_values(":failed", s("failed"))
    }

    /// Returns updates that remove the message from the uses of each of its files. They belong into the transaction
    /// that deletes the message. If the file was sent to the thread before uses were recorded, its row names the thread
    /// in `threadIds`. The update also removes the thread from there, unless another message of the thread has the
    /// file.
    pub(crate) async fn remove_file_uses(&self, message: &MessageRow) -> Result<Vec<UpdateBuilder>, Error> {
        let (usage, thread) = (vec![usage(message)], vec![message.thread_id.to_string()]);
        let mut updates = Vec::new();
        for file in self.files(&message.file_ids).await? {
            let update = self
                .table
                .transaction_update(&keys::file(&file.id))
                .condition_expression("attribute_exists(pk)")
                .expression_attribute_values(":true", AttributeValue::Bool(true))
                .expression_attribute_values(":use", AttributeValue::Ss(usage.clone()));
            let is_old = file.thread_ids.contains(&message.thread_id);
            updates.push(if is_old && !self.is_in_other_message(message, &file.id).await? {
                update
                    .update_expression("SET sent = :true DELETE uses :use, threadIds :thread")
                    .expression_attribute_values(":thread", AttributeValue::Ss(thread.clone()))
            } else {
                update.update_expression("SET sent = :true DELETE uses :use")
            });
        }
        Ok(updates)
    }

    /// Returns whether another message of the message's thread has the file. Reads the whole thread.
    async fn is_in_other_message(&self, message: &MessageRow, id: &FileId) -> Result<bool, Error> {
        let [first, last] = [1, u64::MAX].map(|seq| keys::message(&message.thread_id, seq));
        let query = self
            .table
            .range(first, last)
            .filter_expression("contains(fileIds, :file) AND seq <> :seq")
            .expression_attribute_values(":file", s(id.as_str()))
            .expression_attribute_values(":seq", n(message.seq));
        let others: Vec<_> = query.into_paginator().items().send().collect::<Result<_, _>>().await?;
        Ok(!others.is_empty())
    }

    /// Erases the name, object keys and image size from the row of a file that was used and is not used any more.
    /// Returns true if the file is such a file: then the caller may delete its objects. Returns false and writes
    /// nothing if the file is in use, was never used or does not exist. Idempotent.
    pub async fn erase_file(&self, id: &FileId) -> Result<bool, Error> {
        let update = self
            .table
            .update(&keys::file(id))
            .update_expression(
                "SET deleted = :true, announced = :true, #status = :failed, #name = :empty \
                 REMOVE original, thumbnail, #width, #height, reason",
            )
            .condition_expression("sent = :true AND attribute_not_exists(uses) AND attribute_not_exists(threadIds)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#name", "name")
            .expression_attribute_names("#width", "width")
            .expression_attribute_names("#height", "height")
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":failed", s("failed"))
            .expression_attribute_values(":empty", s(""));
        match retry_conflicts(|| update.clone().send()).await {
            Err(error) if condition_failed(&error) => Ok(false),
            erased => Ok(erased.map(|_| true)?),
        }
    }
}
