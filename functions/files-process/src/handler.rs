//! Settles a file: looks at what was uploaded, publishes it with its thumbnail, and tells everybody concerned.
//!
//! Storage says when an upload has arrived: at least once, in no order, in rare cases never. So a reminder comes as
//! well, once for each file, after its upload window. Both lead to the same steps, each of which may be repeated or
//! run twice at once with the same outcome: what is published is named after its bytes, the status moves once, by a
//! condition, and what was told is noted after it was told.

use std::time::Duration;

use aws_lambda_events::s3::S3Event;
use aws_lambda_events::sqs::SqsEvent;
use contract::{ApiError, Channel, FileId, FileStatus, Timestamp};
use files::{Bucket, Reminder, Reminders, UPLOAD_WINDOW, Uploaded, content_disposition, uploaded_file};
use push::Push;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use store::{Chat, FileRow, Links, Outcome, Published};
use tracing::warn;

/// How long after the end of its window a file is still waited for: an upload that began in time may be slow (25 MiB in
/// this time are 0.25 Mbit/s), and so may the storage's event be.
const GRACE: Duration = Duration::from_mins(15);

/// How often a file's bytes are looked at. Whatever has not been settled then has ended the function each time, by its
/// memory or its time.
const MAX_ATTEMPTS: u32 = 5;

/// What the function is invoked with.
pub enum Event {
    /// Uploads have arrived.
    Uploads(S3Event),
    /// Files are due.
    Reminders(SqsEvent),
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = Value::deserialize(deserializer)?;
        match event["Records"][0]["eventSource"].as_str() {
            Some("aws:s3") => serde_json::from_value(event).map(Self::Uploads),
            Some("aws:sqs") => serde_json::from_value(event).map(Self::Reminders),
            _ => return Err(D::Error::custom("an event of neither S3 nor SQS")),
        }
        .map_err(D::Error::custom)
    }
}

/// What it takes to settle files.
pub struct Process {
    /// Where files are noted.
    pub chat: Chat,
    /// Where their bytes are.
    pub bucket: Bucket,
    /// To whoever waits for them.
    pub push: Push,
    /// For a file that may still come.
    pub reminders: Reminders,
    /// What a thumbnail's URL is signed with.
    pub links: Links,
}

impl Process {
    /// Settles every file of the event. What could not be settled fails the invocation, so that it is tried again.
    pub async fn handle(&self, event: Event) -> Result<(), ApiError> {
        match event {
            Event::Uploads(event) => {
                for record in event.records {
                    let key = record.s3.object.key.unwrap_or_default();
                    if let Some(id) = uploaded_file(&key) {
                        self.settle(&id).await?;
                    } else {
                        warn!(key, "an object that is no upload");
                    }
                }
            }
            // One at a time (the template's BatchSize): a file that ends the function takes no other along.
            Event::Reminders(event) => {
                for message in event.records {
                    let Reminder { file_id } = serde_json::from_str(message.body.as_deref().unwrap_or_default())?;
                    self.settle(&file_id).await?;
                }
            }
        }
        Ok(())
    }

    async fn settle(&self, id: &FileId) -> Result<(), ApiError> {
        // An upload without a file is of somebody who can write into the bucket, and is nobody's.
        let Some(mut file) = self.chat.file(id).await? else {
            warn!(file = %id, "there is no such file");
            return Ok(());
        };
        if file.status == FileStatus::Pending {
            let Some(settled) = self.inspect(&file).await? else { return Ok(()) };
            file = self.chat.record_outcome(id, &settled).await?;
            self.clean_up(&file, settled).await?;
        }
        if !file.announced {
            self.announce(&file).await?;
        }
        Ok(())
    }

    /// What is to become of a pending file, its bytes being published by then; `None` while it may still be uploaded.
    async fn inspect(&self, file: &FileRow) -> Result<Option<Outcome>, ApiError> {
        let bytes = match self.bucket.read_upload(&file.id, file.size).await? {
            Uploaded::Bytes(bytes) => bytes,
            Uploaded::OtherSize => return Ok(Some(failed("It is not of the size that was announced."))),
            Uploaded::Missing => {
                let waited = u64::try_from(Timestamp::now().millis() - file.created_at.millis()).unwrap_or_default();
                let left = (UPLOAD_WINDOW + GRACE).saturating_sub(Duration::from_millis(waited));
                if left.is_zero() {
                    return Ok(Some(failed("It was not uploaded in time.")));
                }
                self.reminders.remind(&file.id, left).await?;
                return Ok(None);
            }
        };
        if self.chat.begin_attempt(&file.id).await? >= MAX_ATTEMPTS {
            return Ok(Some(failed("It could not be processed.")));
        }
        let inspected = match media::inspect(&bytes, &file.mimetype) {
            Ok(inspected) => inspected,
            Err(refusal) => return Ok(Some(failed(refusal.to_string()))),
        };
        let thumbnail = match inspected.thumbnail {
            Some(thumbnail) => Some(self.bucket.publish_thumbnail(&file.id, &thumbnail.jpeg.into()).await?),
            None => None,
        };
        let media_type = inspected.shown_as.unwrap_or("application/octet-stream");
        let disposition = content_disposition(inspected.shown_as.is_some(), &file.name);
        let original = self.bucket.publish(&file.id, &bytes, media_type, &disposition).await?;
        Ok(Some(Outcome::Ready { original, thumbnail }))
    }

    /// Removes what was published in vain, where another run had settled the file by then from other bytes.
    async fn clean_up(&self, file: &FileRow, ours: Outcome) -> Result<(), ApiError> {
        let Outcome::Ready { original, thumbnail } = ours else { return Ok(()) };
        let keys = [(Published::Original, Some(original)), (Published::Thumbnail, thumbnail)];
        for (published, key) in keys {
            if let Some(key) = key.filter(|key| file.published(published) != Some(key)) {
                self.bucket.unpublish(&key).await?;
            }
        }
        Ok(())
    }

    /// Tells the owner, and every thread that the file was sent to.
    async fn announce(&self, file: &FileRow) -> Result<(), ApiError> {
        let threads = file.thread_ids.iter().cloned().map(Channel::Thread);
        let channels: Vec<_> = threads.chain([Channel::User(file.owner_id.clone())]).collect();
        let frame = serde_json::to_string(&file.status_event(&self.links))?;
        let delivery = self.push.deliver(&channels, &frame).await?;
        if !delivery.undelivered.is_empty() {
            return Err(ApiError::Unavailable(format!("{} connections were not reached", delivery.undelivered.len())));
        }
        Ok(self.chat.mark_announced(&file.id).await?)
    }
}

fn failed(reason: impl Into<String>) -> Outcome {
    Outcome::Failed { reason: reason.into() }
}
