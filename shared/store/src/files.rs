use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use contract::{Attachment, CreateFile, Event, FileDetails, FileId, FileStatus, ThreadId, Timestamp, UserId, limits};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use crate::chat::Chat;
use crate::error::{Error, condition_failed};
use crate::keys;
use crate::links::{Links, Published};
use crate::row::{from_item, n, s, to_item};
use crate::transaction::IS_NEW;

/// The row of a file in the `Chat` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileRow {
    /// The file's ID.
    pub id: FileId,
    /// The user who created the file and may upload it.
    pub owner_id: UserId,
    /// File name without a path.
    pub name: String,
    /// Media type, as the owner declared it.
    pub mimetype: String,
    /// Size in bytes, as the owner declared it.
    pub size: u64,
    /// Pending until the upload has been inspected, then ready or failed.
    pub status: FileStatus,
    /// When the row was created, before the upload.
    pub created_at: Timestamp,
    /// The threads that the file was sent to, at most [`limits::FILE_THREADS`].
    #[serde(default, skip_serializing)]
    pub thread_ids: BTreeSet<ThreadId>,
    /// Object key of the published file; present if the file is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    original: Option<String>,
    /// Object key of the thumbnail; present if the file is ready and is an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thumbnail: Option<String>,
    /// Why the file failed, for a person to read; present if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Number of failed attempts to process the upload.
    #[serde(default, skip_serializing)]
    attempts: u32,
    /// Whether the `file:status` event about the outcome was delivered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub announced: bool,
}

/// The outcome of processing an uploaded file. Only the first outcome is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The file is published.
    Ready {
        /// Object key of the published file.
        original: String,
        /// Object key of the thumbnail, if there is one.
        thumbnail: Option<String>,
    },
    /// The file will never be published.
    Failed {
        /// Why the file failed, for a person to read.
        reason: String,
    },
}

/// Why a user cannot send a file to a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsendable {
    /// The file does not exist, belongs to another user, or has failed.
    Unusable,
    /// The file was already sent to [`limits::FILE_THREADS`] other threads.
    TooManyThreads,
}

impl FileRow {
    /// Creates the row of a new pending file of `owner`, with a new ID. Does not write it to the table.
    #[must_use]
    pub fn new(owner: &UserId, request: CreateFile) -> Self {
        let CreateFile { name, mimetype, size } = request;
        Self {
            id: FileId::new(),
            owner_id: owner.clone(),
            name,
            mimetype,
            size,
            status: FileStatus::Pending,
            created_at: Timestamp::now(),
            thread_ids: BTreeSet::new(),
            original: None,
            thumbnail: None,
            reason: None,
            attempts: 0,
            announced: false,
        }
    }

    /// Returns the object key of the published file or thumbnail, or `None` if it is not published.
    #[must_use]
    pub fn published(&self, published: Published) -> Option<&str> {
        match published {
            Published::Original => self.original.as_deref(),
            Published::Thumbnail => self.thumbnail.as_deref(),
        }
    }

    fn thumb_url(&self, links: &Links) -> Option<String> {
        self.thumbnail.is_some().then(|| links.thumbnail(&self.id))
    }

    /// Converts the row to the response to `GET /api/files/{fileId}/status`.
    #[must_use]
    pub fn details(self, links: &Links) -> FileDetails {
        let thumb_url = self.thumb_url(links);
        let url = self.original.is_some().then(|| links.original(&self.id, &self.name));
        let Self { id, name, status, reason, .. } = self;
        FileDetails { id, name, status, thumb_url, url, reason }
    }

    /// Converts the row to an attachment of a message.
    #[must_use]
    pub fn attachment(self, links: &Links) -> Attachment {
        let (url, thumb_url) = (links.original(&self.id, &self.name), self.thumb_url(links));
        let Self { id, name, mimetype, size, status, .. } = self;
        Attachment { id, name, url, mimetype, size, status, thumb_url }
    }

    /// Returns the `file:status` event, which is pushed once the file is ready or failed.
    #[must_use]
    pub fn status_event(&self, links: &Links) -> Event {
        Event::FileStatus { file_id: self.id.clone(), status: self.status, thumb_url: self.thumb_url(links) }
    }
}

impl Chat {
    /// Stores the row of a new file. If the row already exists, it stays as it is.
    pub async fn create_file(&self, file: &FileRow) -> Result<(), Error> {
        let put = self.table.put_if(to_item(&keys::file(&file.id), file)?).condition_expression(IS_NEW);
        match put.send().await {
            // The first attempt succeeded and its answer was lost. So the SDK's retry found the row.
            Err(error) if condition_failed(&error) => Ok(()),
            done => Ok(done.map(drop)?),
        }
    }

    /// Reads a file's row, without checking who may see the file.
    pub async fn file(&self, id: &FileId) -> Result<Option<FileRow>, Error> {
        self.table.get(&keys::file(id)).await?.map(from_item).transpose()
    }

    /// Reads the rows of several files in no particular order, without checking who may see them. Files that do not
    /// exist are left out.
    pub async fn files(&self, ids: &[FileId]) -> Result<Vec<FileRow>, Error> {
        self.table.batch_get(ids.iter().map(keys::file)).await?.into_iter().map(from_item).collect()
    }

    /// Reads a file's row. Returns `None` if the file does not exist, or if `viewer` neither owns it nor is a member of
    /// a thread that it was sent to.
    pub async fn visible_file(&self, id: &FileId, viewer: &UserId) -> Result<Option<FileRow>, Error> {
        let Some(file) = self.file(id).await? else { return Ok(None) };
        let memberships = file.thread_ids.iter().map(|thread| keys::membership(viewer, thread));
        let visible = file.owner_id == *viewer || !self.table.batch_get(memberships).await?.is_empty();
        Ok(visible.then_some(file))
    }

    /// Returns which files `owner` cannot send to the thread, and why.
    pub(crate) async fn unsendable_files(
        &self,
        owner: &UserId,
        ids: &[FileId],
        thread: &ThreadId,
    ) -> Result<Vec<(FileId, Unsendable)>, Error> {
        let files = self.files(ids).await?;
        let reason = |id: &FileId| unsendable(files.iter().find(|file| file.id == *id), owner, thread);
        Ok(ids.iter().filter_map(|id| Some((id.clone(), reason(id)?))).collect())
    }

    /// Adds the thread to the row of each file. From then on, the thread's members may fetch the files, and their
    /// `file:status` events go to the thread's channel. Returns the updated rows, or which files `owner` cannot send.
    pub(crate) async fn share_files(
        &self,
        owner: &UserId,
        ids: &[FileId],
        thread: &ThreadId,
    ) -> Result<Result<Vec<FileRow>, Vec<(FileId, Unsendable)>>, Error> {
        let shared = try_join_all(ids.iter().map(|id| self.share_file(owner, id, thread))).await?;
        let (mut files, mut refused) = (Vec::new(), Vec::new());
        for (id, shared) in ids.iter().zip(shared) {
            match shared {
                Ok(file) => files.push(file),
                Err(reason) => refused.push((id.clone(), reason)),
            }
        }
        Ok(if refused.is_empty() { Ok(files) } else { Err(refused) })
    }

    /// Adds the thread to the row of one file. The row lists a thread once, so a retry and another message to the same
    /// thread need no room. Returns the updated row, or why `owner` cannot send the file.
    async fn share_file(
        &self,
        owner: &UserId,
        id: &FileId,
        thread: &ThreadId,
    ) -> Result<Result<FileRow, Unsendable>, Error> {
        let updated = self
            .table
            .update(&keys::file(id))
            .update_expression("ADD threadIds :added")
            .condition_expression(
                "ownerId = :owner AND #status <> :failed AND \
                 (attribute_not_exists(threadIds) OR contains(threadIds, :thread) OR size(threadIds) < :max)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":added", AttributeValue::Ss(vec![thread.to_string()]))
            .expression_attribute_values(":thread", s(thread.as_str()))
            .expression_attribute_values(":max", n(limits::FILE_THREADS))
            .expression_attribute_values(":owner", s(owner.as_str()))
            .expression_attribute_values(":failed", s("failed"))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match updated {
            Ok(updated) => return from_item(updated.attributes.unwrap_or_default()).map(Ok),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let file = failed.item.clone().map(from_item).transpose()?;
                Ok(Err(unsendable(file.as_ref(), owner, thread).unwrap_or(Unsendable::Unusable)))
            }
            _ => Err(error.into()),
        }
    }

    /// Counts a failed attempt to process the file's upload. Returns the number of failed attempts, with this one.
    pub async fn record_failed_attempt(&self, id: &FileId) -> Result<u32, Error> {
        let update = self.table.update(&keys::file(id)).update_expression("ADD attempts :one");
        let update = update.condition_expression("attribute_exists(pk)").return_values(ReturnValue::AllNew);
        let after = update.expression_attribute_values(":one", n(1)).send().await?.attributes;
        from_item::<FileRow>(after.unwrap_or_default()).map(|file| file.attempts)
    }

    /// Records the outcome of a pending file. A file has one outcome: if it already has one, nothing changes. Returns
    /// the file's current row in both cases, with the threads that the file was sent to. Returns [`Error::MissingRow`]
    /// if the file does not exist.
    pub async fn record_outcome(&self, id: &FileId, outcome: &Outcome) -> Result<FileRow, Error> {
        let key = keys::file(id);
        let update = self
            .table
            .update(&key)
            .condition_expression("#status = :pending")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":pending", s("pending"))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = match outcome {
            Outcome::Ready { original, thumbnail: None } => update
                .update_expression("SET #status = :status, original = :original")
                .expression_attribute_values(":status", s("ready"))
                .expression_attribute_values(":original", s(original)),
            Outcome::Ready { original, thumbnail: Some(thumbnail) } => update
                .update_expression("SET #status = :status, original = :original, thumbnail = :thumbnail")
                .expression_attribute_values(":status", s("ready"))
                .expression_attribute_values(":original", s(original))
                .expression_attribute_values(":thumbnail", s(thumbnail)),
            Outcome::Failed { reason } => update
                .update_expression("SET #status = :status, reason = :reason")
                .expression_attribute_values(":status", s("failed"))
                .expression_attribute_values(":reason", s(reason)),
        };
        match update.send().await {
            Ok(updated) => from_item(updated.attributes.unwrap_or_default()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    from_item(failed.item.clone().ok_or_else(|| Error::MissingRow(key.to_string()))?)
                }
                _ => Err(error.into()),
            },
        }
    }

    /// Records that the file's `file:status` event was delivered, so that it is not pushed again.
    pub async fn mark_announced(&self, id: &FileId) -> Result<(), Error> {
        let update = self.table.update(&keys::file(id)).update_expression("SET announced = :true");
        let update = update.condition_expression("attribute_exists(pk)");
        update.expression_attribute_values(":true", AttributeValue::Bool(true)).send().await?;
        Ok(())
    }
}

/// Returns why `owner` cannot send the file with the row `file` to the thread; `None` if they can.
fn unsendable(file: Option<&FileRow>, owner: &UserId, thread: &ThreadId) -> Option<Unsendable> {
    match file {
        Some(file) if file.owner_id == *owner && file.status != FileStatus::Failed => {
            let is_full = file.thread_ids.len() >= limits::FILE_THREADS && !file.thread_ids.contains(thread);
            is_full.then_some(Unsendable::TooManyThreads)
        }
        _ => Some(Unsendable::Unusable),
    }
}
