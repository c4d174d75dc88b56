use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use contract::{Attachment, CreateFile, Event, FileDetails, FileId, FileStatus, ThreadId, Timestamp, UserId};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use crate::chat::Chat;
use crate::error::{Error, condition_failed};
use crate::keys;
use crate::links::{Links, Published};
use crate::row::{from_item, n, s, to_item};
use crate::transaction::IS_NEW;

/// The row of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileRow {
    /// Its id.
    pub id: FileId,
    /// Who uploads it.
    pub owner_id: UserId,
    /// Its name, without a path.
    pub name: String,
    /// Its media type, as its owner gave it.
    pub mimetype: String,
    /// Bytes, as its owner announced them.
    pub size: u64,
    /// Where it stands.
    pub status: FileStatus,
    /// When it was announced.
    pub created_at: Timestamp,
    /// The threads it was sent to.
    #[serde(default, skip_serializing)]
    pub thread_ids: BTreeSet<ThreadId>,
    /// The key of the published bytes, once it is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    original: Option<String>,
    /// The key of the thumbnail, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thumbnail: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How often its bytes were looked at, or begun to be.
    #[serde(default, skip_serializing)]
    attempts: u32,
    /// Whether everybody concerned has been told that it is settled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub announced: bool,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is published.
    Ready {
        /// The key of its bytes.
        original: String,
        /// The key of its thumbnail, where there is one.
        thumbnail: Option<String>,
    },
    /// It never will be.
    Failed {
        /// Why, for a person.
        reason: String,
    },
}

impl FileRow {
    /// A file that `owner` announces now.
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

    /// The key of what is published of it, if it is there.
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

    /// The file as REST shows it.
    #[must_use]
    pub fn details(self, links: &Links) -> FileDetails {
        let thumb_url = self.thumb_url(links);
        let url = self.original.is_some().then(|| links.original(&self.id, &self.name));
        let Self { id, name, status, reason, .. } = self;
        FileDetails { id, name, status, thumb_url, url, reason }
    }

    /// The file as messages show it.
    #[must_use]
    pub fn attachment(self, links: &Links) -> Attachment {
        let (url, thumb_url) = (links.original(&self.id, &self.name), self.thumb_url(links));
        let Self { id, name, mimetype, size, status, .. } = self;
        Attachment { id, name, url, mimetype, size, status, thumb_url }
    }

    /// What is pushed once it is settled.
    #[must_use]
    pub fn status_event(&self, links: &Links) -> Event {
        Event::FileStatus { file_id: self.id.clone(), status: self.status, thumb_url: self.thumb_url(links) }
    }
}

impl Chat {
    /// Keeps a file that has been announced. Doing it again changes nothing.
    pub async fn create_file(&self, file: &FileRow) -> Result<(), Error> {
        let put = self.table.put_if(to_item(&keys::file(&file.id), file)?).condition_expression(IS_NEW);
        match put.send().await {
            // An answer was lost, and the SDK has tried again what had succeeded.
            Err(error) if condition_failed(&error) => Ok(()),
            done => Ok(done.map(drop)?),
        }
    }

    /// The file, whoever asks.
    pub async fn file(&self, id: &FileId) -> Result<Option<FileRow>, Error> {
        self.table.get(&keys::file(id)).await?.map(from_item).transpose()
    }

    /// Those of these files that there are, in no order.
    pub async fn files(&self, ids: &[FileId]) -> Result<Vec<FileRow>, Error> {
        self.table.batch_get(ids.iter().map(keys::file)).await?.into_iter().map(from_item).collect()
    }

    /// The file, if it is `viewer`'s own or was sent to a thread of theirs.
    pub async fn visible_file(&self, id: &FileId, viewer: &UserId) -> Result<Option<FileRow>, Error> {
        let Some(file) = self.file(id).await? else { return Ok(None) };
        let memberships = file.thread_ids.iter().map(|thread| keys::membership(viewer, thread));
        let visible = file.owner_id == *viewer || !self.table.batch_get(memberships).await?.is_empty();
        Ok(visible.then_some(file))
    }

    /// Those of these files that `owner` cannot send: not there, not theirs, or failed.
    pub(crate) async fn bad_files(&self, owner: &UserId, ids: &[FileId]) -> Result<Vec<FileId>, Error> {
        let files = self.files(ids).await?;
        let good = |id: &FileId| {
            files.iter().any(|file| file.id == *id && file.owner_id == *owner && file.status != FileStatus::Failed)
        };
        Ok(ids.iter().filter(|id| !good(id)).cloned().collect())
    }

    /// Notes on each file that it is sent to the thread; from then on its members may see it, and hear of it. Returns
    /// the files as they are now, or those that `owner` cannot send (any more).
    pub(crate) async fn share_files(
        &self,
        owner: &UserId,
        ids: &[FileId],
        thread: &ThreadId,
    ) -> Result<Result<Vec<FileRow>, Vec<FileId>>, Error> {
        let shared = ids.iter().map(|id| self.share_file(owner, id, thread));
        let shared = try_join_all(shared).await?;
        let refused: Vec<_> = ids.iter().zip(&shared).filter(|(_, file)| file.is_none()).map(|(id, _)| id).collect();
        Ok(if refused.is_empty() {
            Ok(shared.into_iter().flatten().collect())
        } else {
            Err(refused.into_iter().cloned().collect())
        })
    }

    async fn share_file(&self, owner: &UserId, id: &FileId, thread: &ThreadId) -> Result<Option<FileRow>, Error> {
        let updated = self
            .table
            .update(&keys::file(id))
            .update_expression("ADD threadIds :thread")
            .condition_expression("ownerId = :owner AND #status <> :failed")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":thread", AttributeValue::Ss(vec![thread.to_string()]))
            .expression_attribute_values(":owner", s(owner.as_str()))
            .expression_attribute_values(":failed", s("failed"))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match updated {
            Ok(updated) => from_item(updated.attributes.unwrap_or_default()).map(Some),
            Err(error) if condition_failed(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes that the file is about to be looked at, and returns how often it has been before.
    pub async fn begin_attempt(&self, id: &FileId) -> Result<u32, Error> {
        let update = self.table.update(&keys::file(id)).update_expression("ADD attempts :one");
        let update = update.condition_expression("attribute_exists(pk)").return_values(ReturnValue::AllOld);
        let before = update.expression_attribute_values(":one", n(1)).send().await?.attributes;
        from_item::<FileRow>(before.unwrap_or_default()).map(|file| file.attempts)
    }

    /// Settles a pending file, once: whoever comes first decides. Returns the file as it is now, whoever decided, with
    /// the threads that it had been sent to by then.
    pub async fn record_outcome(&self, id: &FileId, settled: &Outcome) -> Result<FileRow, Error> {
        let key = keys::file(id);
        let update = self
            .table
            .update(&key)
            .condition_expression("#status = :pending")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":pending", s("pending"))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = match settled {
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

    /// Notes that everybody concerned has been told what became of the file.
    pub async fn mark_announced(&self, id: &FileId) -> Result<(), Error> {
        let update = self.table.update(&keys::file(id)).update_expression("SET announced = :true");
        let update = update.condition_expression("attribute_exists(pk)");
        update.expression_attribute_values(":true", AttributeValue::Bool(true)).send().await?;
        Ok(())
    }
}
