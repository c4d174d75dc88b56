use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use contract::{
    Attachment, CreateFile, Event, FileDetails, FileId, FileStatus, ImageSize, ThreadId, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};

use crate::backoff::retry_conflicts;
use crate::chat::Chat;
use crate::error::{Error, condition_failed};
use crate::file_uses::IS_NOT_ERASED;
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
    /// What uses the file, at most [`limits::FILE_USES`](contract::limits::FILE_USES): messages, each as `threadId#seq`, and
    /// the owner's profile as `profile`.
    #[serde(default, skip_serializing)]
    pub uses: BTreeSet<String>,
    /// Threads that the file was sent to before uses were recorded.
    #[serde(default, skip_serializing)]
    pub(crate) thread_ids: BTreeSet<ThreadId>,
    /// Whether the file was ever used. Once it is true and no use is left, the file is erased.
    #[serde(default, skip_serializing)]
    pub(crate) sent: bool,
    /// Whether the file's objects are being deleted, or are already deleted.
    #[serde(default, skip_serializing)]
    pub(crate) deleted: bool,
    /// Object key of the published file; present if the file is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    original: Option<String>,
    /// Object key of the thumbnail; present if the file is ready and is an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thumbnail: Option<String>,
    /// Width of the image as displayed, in pixels; present if the file is a ready image, unless it became ready before sizes
    /// were stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    /// Height of the image as displayed, in pixels; present with `width`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
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
        /// Size of the image as displayed, if the file is an image and its size is known.
        size: Option<ImageSize>,
    },
    /// The file will never be published.
    Failed {
        /// Why the file failed, for a person to read.
        reason: String,
    },
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
            uses: BTreeSet::new(),
            thread_ids: BTreeSet::new(),
            sent: false,
            deleted: false,
            original: None,
            thumbnail: None,
            width: None,
            height: None,
            reason: None,
            attempts: 0,
            announced: false,
        }
    }

    /// Returns the object key of the published file or thumbnail, or `None` if it is not published or the file is erased.
    #[must_use]
    pub fn published(&self, published: Published) -> Option<&str> {
        match published {
            _ if self.is_erased() => None,
            Published::Original => self.original.as_deref(),
            Published::Thumbnail => self.thumbnail.as_deref(),
        }
    }

    /// Returns the width and height of a ready image. Both are `None` for other files, and for an image that became
    /// ready before sizes were stored.
    fn image_size(&self) -> (Option<u32>, Option<u32>) {
        self.published(Published::Thumbnail).map_or((None, None), |_| (self.width, self.height))
    }

    fn thumb_url(&self, links: &Links) -> Option<String> {
        self.published(Published::Thumbnail).map(|_| links.thumbnail(&self.id))
    }

    /// Converts the row to the response to `GET /api/files/{fileId}/status`.
    #[must_use]
    pub fn details(self, links: &Links) -> FileDetails {
        let thumb_url = self.thumb_url(links);
        let url = self.original.is_some().then(|| links.original(&self.id, &self.name));
        let (width, height) = self.image_size();
        let Self { id, name, status, reason, .. } = self;
        FileDetails { id, name, status, thumb_url, width, height, url, reason }
    }

    /// Converts the row to an attachment of a message.
    #[must_use]
    pub fn attachment(self, links: &Links) -> Attachment {
        let (url, thumb_url) = (links.original(&self.id, &self.name), self.thumb_url(links));
        let status = if self.is_erased() { FileStatus::Failed } else { self.status };
        let (width, height) = self.image_size();
        let Self { id, name, mimetype, size, .. } = self;
        Attachment { id, name, url, mimetype, size, status, thumb_url, width, height }
    }

    /// Returns the `file:status` event, which is pushed once the file is ready or failed.
    #[must_use]
    pub fn status_event(&self, links: &Links) -> Event {
        let (file_id, thumb_url, (width, height)) = (self.id.clone(), self.thumb_url(links), self.image_size());
        Event::FileStatus { file_id, status: self.status, thumb_url, width, height }
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

    /// Reads a file's row. Returns `None` if the file does not exist or is erased, or if `viewer` neither owns it nor is a
    /// member of a thread with a message that uses it.
    pub async fn visible_file(&self, id: &FileId, viewer: &UserId) -> Result<Option<FileRow>, Error> {
        let Some(file) = self.file(id).await?.filter(|file| !file.is_erased()) else { return Ok(None) };
        let threads = file.threads();
        let memberships = threads.iter().map(|thread| keys::membership(viewer, thread));
        let visible = file.owner_id == *viewer || !self.table.batch_get(memberships).await?.is_empty();
        Ok(visible.then_some(file))
    }

    /// Counts a failed attempt to process the file's upload. Returns the number of failed attempts, with this one.
    pub async fn record_failed_attempt(&self, id: &FileId) -> Result<u32, Error> {
        let update = self.table.update(&keys::file(id)).update_expression("ADD attempts :one");
        let update = update.condition_expression("attribute_exists(pk)").return_values(ReturnValue::AllNew);
        let update = update.expression_attribute_values(":one", n(1));
        let after = retry_conflicts(|| update.clone().send()).await?.attributes;
        from_item::<FileRow>(after.unwrap_or_default()).map(|file| file.attempts)
    }

    /// Records the outcome of a pending file. A file has one outcome: if it already has one, or is erased, nothing
    /// changes. Returns the file's row as it is after this call, with its uses. Returns [`Error::MissingRow`] if the
    /// file does not exist.
    pub async fn record_outcome(&self, id: &FileId, outcome: &Outcome) -> Result<FileRow, Error> {
        let key = keys::file(id);
        let mut update = self
            .table
            .update(&key)
            .condition_expression(format!("#status = :pending AND ({IS_NOT_ERASED})"))
            .expression_attribute_values(":pending", s("pending"))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let attributes = match outcome {
            Outcome::Ready { original, thumbnail, size } => {
                let thumbnail = thumbnail.as_ref().map(|key| ("thumbnail", s(key)));
                let size = size.map(|ImageSize { width, height }| [("width", n(width)), ("height", n(height))]);
                let required = [("status", s("ready")), ("original", s(original))];
                required.into_iter().chain(thumbnail).chain(size.into_iter().flatten()).collect()
            }
            Outcome::Failed { reason } => vec![("status", s("failed")), ("reason", s(reason))],
        };
        let mut set = Vec::new();
        for (name, value) in attributes {
            set.push(format!("#{name} = :{name}"));
            update = update
                .expression_attribute_names(format!("#{name}"), name)
                .expression_attribute_values(format!(":{name}"), value);
        }
        let update = update.update_expression(format!("SET {}", set.join(", ")));
        match retry_conflicts(|| update.clone().send()).await {
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
        let update = update.expression_attribute_values(":true", AttributeValue::Bool(true));
        retry_conflicts(|| update.clone().send()).await?;
        Ok(())
    }
}
