//! Processes an uploaded file: asks files-decode to inspect and publish it, records the outcome (ready or failed) and
//! pushes the outcome to clients. Deletes the files of deleted messages and of replaced pictures. This function never
//! reads the bytes of a file, because they may be hostile.
//!
//! S3 usually reports an upload once. It may report it repeatedly, in any order with other events, and in rare cases
//! never. So each file also has a reminder: a queue message that arrives once the upload window is over. S3's event and
//! the reminder lead to the same steps. Every step may be repeated, or run twice at the same time, with the same
//! outcome: the keys of published objects contain a hash of their bytes, a conditional write records only the first
//! outcome, and the push is recorded after it succeeded.

use std::time::Duration;

use aws_lambda_events::s3::S3Event;
use aws_lambda_events::sqs::SqsEvent;
use contract::{ApiError, Channel, FileId, FileStatus, Timestamp};
use files::{Bucket, DecodeError, DecodeRequest, Decoded, Decoder, Reminder, Reminders, UPLOAD_WINDOW, uploaded_file};
use push::{Erasure, Push};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use store::{Chat, FileRow, Links, Outcome, Published};
use tracing::warn;

/// How long a file without an upload stays pending after its upload window. An upload that began within the window may
/// be slow (25 MiB in this time are 0.25 Mbit/s), and S3's event may be late.
const GRACE: Duration = Duration::from_mins(15);

/// A file fails after this number of attempts without a valid answer from files-decode. Otherwise a file that always
/// exceeds the memory or the timeout of files-decode would stay pending.
const MAX_ATTEMPTS: u32 = 5;

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores the rows of files.
    pub chat: Chat,
    /// Inspects and publishes uploads: the function files-decode.
    pub decoder: Decoder,
    /// The S3 bucket, which stores the published objects.
    pub bucket: Bucket,
    /// Pushes a file's status to its owner and to the threads that the file was sent to.
    pub push: Push,
    /// Sends another reminder for a file that may still be uploaded.
    pub reminders: Reminders,
    /// Signs the thumbnail link in the pushed status.
    pub links: Links,
}

/// A Lambda event from one of files-process's two sources.
pub enum Event {
    /// S3's event about objects that were created under `uploads/`.
    Uploads(S3Event),
    /// Messages of the function's queue: reminders to check on files, and requests to delete the files of deleted messages.
    Tasks(SqsEvent),
}

/// A message of the function's queue.
#[derive(Deserialize)]
#[serde(untagged)]
enum Task {
    /// Check on a file whose upload window is over, or which was its owner's picture.
    Reminder(Reminder),
    /// Delete the files of a deleted message.
    Erasure(Erasure),
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = Value::deserialize(deserializer)?;
        match event["Records"][0]["eventSource"].as_str() {
            Some("aws:s3") => serde_json::from_value(event).map(Self::Uploads),
            Some("aws:sqs") => serde_json::from_value(event).map(Self::Tasks),
            _ => return Err(D::Error::custom("the event's source is neither aws:s3 nor aws:sqs")),
        }
        .map_err(D::Error::custom)
    }
}

/// Processes every file of the event. An error fails the whole invocation, so that the event is retried.
pub async fn handle(deps: &Deps, event: Event) -> Result<(), ApiError> {
    match event {
        Event::Uploads(event) => {
            for record in event.records {
                let key = record.s3.object.key.unwrap_or_default();
                if let Some(id) = uploaded_file(&key) {
                    process_file(deps, &id).await?;
                } else {
                    warn!(key, "the key of the created object is not an upload's key; ignoring the object");
                }
            }
        }
        // The template sets BatchSize to 1, so that a crash on one file does not affect the tasks of other files.
        Event::Tasks(event) => {
            for message in event.records {
                match serde_json::from_str(message.body.as_deref().unwrap_or_default())? {
                    Task::Reminder(Reminder { file_id }) => process_file(deps, &file_id).await?,
                    Task::Erasure(erasure) => erase_files(deps, &erasure).await?,
                }
            }
        }
    }
    Ok(())
}

async fn process_file(deps: &Deps, id: &FileId) -> Result<(), ApiError> {
    // A client gets the upload URL only after the file's row is stored. So an upload without a row was made by somebody
    // else with access to the bucket. A reminder without a row exists if files-create failed before it stored the row.
    let Some(mut file) = deps.chat.file(id).await? else {
        warn!(file = %id, "the file has no row; ignoring its event");
        return Ok(());
    };
    if file.is_erased() {
        // The message that used the file was deleted, or the picture was replaced. The bucket may contain objects of
        // the file from an upload that arrived later, or from an attempt that crashed after it had published the file.
        return erase_file(deps, id).await;
    }
    if file.status == FileStatus::Pending {
        let Some(outcome) = decode(deps, &file).await? else { return Ok(()) };
        file = deps.chat.record_outcome(id, &outcome).await?;
        remove_unused_objects(deps, &file, outcome).await?;
    }
    if !file.announced && !file.is_erased() {
        push_status(deps, &file).await?;
    }
    Ok(())
}

/// Deletes those files of a deleted message that no other message uses, then removes their IDs from the row of the deletion's
/// revision.
async fn erase_files(deps: &Deps, erasure: &Erasure) -> Result<(), ApiError> {
    let Erasure { thread_id, rev } = erasure;
    let Some(revision) = deps.chat.revision(thread_id, *rev).await? else {
        return Err(ApiError::Internal(format!("revision {rev} of {thread_id} does not exist")));
    };
    for id in &revision.file_ids {
        erase_file(deps, id).await?;
    }
    Ok(deps.chat.finish_erasure(thread_id, *rev).await?)
}

/// Deletes all objects of a file if no message and no profile uses it any more. First marks the file's row as erased,
/// so that no other invocation publishes the file.
async fn erase_file(deps: &Deps, id: &FileId) -> Result<(), ApiError> {
    if deps.chat.erase_file(id).await? {
        deps.bucket.delete_objects(id).await?;
    }
    Ok(())
}

/// Asks files-decode to inspect and publish the upload of a pending file. Returns the file's outcome. If the upload is
/// missing and may still arrive, sends the next reminder and returns `None`.
async fn decode(deps: &Deps, file: &FileRow) -> Result<Option<Outcome>, ApiError> {
    let FileRow { id, size, mimetype, name, .. } = file.clone();
    let request = DecodeRequest { file_id: id, size, mimetype, name };
    match deps.decoder.decode(&request).await {
        Ok(Decoded::Published { original, thumbnail, size }) => Ok(Some(Outcome::Ready { original, thumbnail, size })),
        Ok(Decoded::Refused { reason }) => Ok(Some(failed(reason))),
        Ok(Decoded::Missing) => {
            let waited = u64::try_from(Timestamp::now().millis() - file.created_at.millis()).unwrap_or_default();
            let remaining = (UPLOAD_WINDOW + GRACE).saturating_sub(Duration::from_millis(waited));
            if remaining.is_zero() {
                return Ok(Some(failed("The file was not uploaded in time.")));
            }
            deps.reminders.remind(&file.id, remaining).await?;
            Ok(None)
        }
        Ok(Decoded::Unavailable) => Err(ApiError::Unavailable("files-decode cannot read or write the bucket".into())),
        Err(DecodeError::NotInvoked(error)) => Err(error.into()),
        // An attempt counts only if the upload may be the reason for its failure.
        Err(error @ DecodeError::Faulty(_)) => match deps.chat.record_failed_attempt(&file.id).await? {
            MAX_ATTEMPTS.. => Ok(Some(failed("The file could not be processed."))),
            attempts => Err(ApiError::Internal(format!("{error} (attempt {attempts} of {MAX_ATTEMPTS})"))),
        },
    }
}

/// Removes the published objects of `outcome` that `file` does not reference. They exist if a concurrent invocation has
/// recorded an outcome from other bytes first, or if the file was erased meanwhile.
async fn remove_unused_objects(deps: &Deps, file: &FileRow, outcome: Outcome) -> Result<(), ApiError> {
    let Outcome::Ready { original, thumbnail, size: _ } = outcome else { return Ok(()) };
    let keys = [(Published::Original, Some(original)), (Published::Thumbnail, thumbnail)];
    for (published, key) in keys {
        if let Some(key) = key.filter(|key| file.published(published) != Some(key)) {
            deps.bucket.unpublish(&key).await?;
        }
    }
    Ok(())
}

/// Pushes `file:status` to the owner and to every thread with a message that uses the file, then records that the status was
/// pushed. Fails if a connection was not reached, so that the event is retried.
async fn push_status(deps: &Deps, file: &FileRow) -> Result<(), ApiError> {
    let threads = file.threads().into_iter().map(Channel::Thread);
    let channels: Vec<_> = threads.chain([Channel::User(file.owner_id.clone())]).collect();
    let frame = serde_json::to_string(&file.status_event(&deps.links))?;
    let delivery = deps.push.deliver(&channels, &frame).await?;
    if !delivery.undelivered.is_empty() {
        return Err(ApiError::Unavailable(format!("{} connections were not reached", delivery.undelivered.len())));
    }
    Ok(deps.chat.mark_announced(&file.id).await?)
}

fn failed(reason: impl Into<String>) -> Outcome {
    Outcome::Failed { reason: reason.into() }
}
