//! Tests the outcome of a file: what files-process records and pushes, and what files-decode publishes for it.
//!
//! Emulators in the test's process replace `DynamoDB` and S3. Fakes replace Lambda, SQS and API Gateway's `@connections`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod decoder;
mod erasure;
mod failing_calls;
mod interleavings;
mod outcomes;

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{ApiError, Channel, FileStatus, Thread, Timestamp};
use files_process::{Deps, Event};
use serde_json::{Value, json};
use store::{FileRow, Published};
use testkit::{Invoked, Lambda, Management, Queue, Storage, Tables, connect, links, new_file, new_thread};

// Three uploads of the same size. WHITE and BLACK are images of one pixel; BROKEN cannot be decoded.
const WHITE: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
const BLACK: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
const BROKEN: &[u8] = b"GIF89a, it says, but no picture yet";

/// A pending file of Sarah's, and a thread with Sarah and Dad as members. Sarah's phone is subscribed to her own
/// channel only. Dad's tablet is subscribed to his own channel and to the thread.
struct Fixture {
    tables: Tables,
    storage: Storage,
    queue: Queue,
    management: Management,
    thread: Thread,
    file: FileRow,
}

impl Fixture {
    /// Creates a fixture whose file has the given media type and the given announced size in bytes.
    async fn with(mimetype: &str, size: usize) -> Self {
        let (tables, storage) = (Tables::create().await, Storage::create().await);
        let thread = new_thread(&tables.chat(), &["user-sarah", "user-dad"]).await;
        let file = new_file(&tables.chat(), "user-sarah", "photo.gif", mimetype, size).await;
        connect(&tables.connections(), "user-sarah", "phone").await;
        let dads = connect(&tables.connections(), "user-dad", "tablet").await;
        tables.connections().subscribe(&dads, &Channel::Thread(thread.id.clone())).await.unwrap();
        Self { tables, storage, queue: Queue::start().await, management: Management::start().await, thread, file }
    }

    async fn new() -> Self {
        Self::with("image/gif", WHITE.len()).await
    }

    /// Returns the dependencies of a new files-process instance that uses the given services. Its files-decode uses
    /// `storage`, too.
    async fn deps_with(&self, tables: &Tables, storage: &Storage, queue: &Queue) -> Deps {
        self.deps_with_lambda(tables, storage, queue, &lambda(storage, false).await)
    }

    fn deps_with_lambda(&self, tables: &Tables, storage: &Storage, queue: &Queue, lambda: &Lambda) -> Deps {
        Deps {
            chat: tables.chat(),
            decoder: lambda.decoder(),
            bucket: storage.bucket(),
            push: self.management.push(tables.connections()),
            reminders: queue.reminders(),
            links: links(),
        }
    }

    async fn upload(&self, bytes: &'static [u8]) {
        self.storage.upload(&self.file.id, bytes).await;
    }

    /// Returns S3's event of the file's upload.
    fn upload_event(&self) -> Event {
        let mut event: Value = serde_json::from_str(include_str!("../../../../events/files-process.json")).unwrap();
        event["Records"][0]["s3"]["object"]["key"] = json!(format!("uploads/{}", self.file.id));
        serde_json::from_value(event).unwrap()
    }

    /// Returns a reminder-queue event for the file.
    fn reminder_event(&self) -> Event {
        let sample = include_str!("../../../../events/files-process-reminder.json");
        let mut event: Value = serde_json::from_str(sample).unwrap();
        event["Records"][0]["body"] = json!(json!({"fileId": self.file.id}).to_string());
        serde_json::from_value(event).unwrap()
    }

    async fn handle(&self, event: Event) -> Result<(), ApiError> {
        let deps = self.deps_with(&self.tables, &self.storage, &self.queue).await;
        files_process::handle(&deps, event).await
    }

    /// Sets the file's creation time to `minutes` ago.
    async fn set_age(&self, minutes: i64) {
        let then = Timestamp::from_millis(Timestamp::now().millis() - minutes * 60_000);
        let key = |text: String| AttributeValue::S(text);
        let update = self.tables.client.update_item().table_name(&self.tables.chat);
        let update = update.key("pk", key(format!("FILE#{}", self.file.id))).key("sk", key("META".into()));
        let update = update.update_expression("SET createdAt = :then");
        update.expression_attribute_values(":then", key(then.to_string())).send().await.unwrap();
    }

    /// Returns the file's current row.
    async fn file_row(&self) -> FileRow {
        self.tables.chat().file(&self.file.id).await.unwrap().unwrap()
    }

    /// Returns the statuses of the file that `connection` received in `file:status` events and messages, in order.
    fn received(&self, connection: &str) -> Vec<FileStatus> {
        let status = |value: &Value| serde_json::from_value(value.clone()).unwrap();
        let frames = self.management.frames(connection);
        let received = frames.iter().map(|frame| match frame["event"].as_str() {
            Some("file:status") => {
                assert_eq!(frame["data"]["fileId"], json!(self.file.id));
                status(&frame["data"]["status"])
            }
            Some("message:new") => status(&frame["data"]["message"]["attachments"][0]["status"]),
            other => panic!("unexpected event {other:?}"),
        });
        received.collect()
    }

    /// Asserts that the file has a published object if and only if it is ready, that it has a reason if and only if it
    /// failed, and that the published file and thumbnail come from the same upload.
    async fn assert_consistent(&self, file: &FileRow) {
        let bytes = match file.published(Published::Original) {
            Some(key) => Some(self.storage.object(key).await.into_body()),
            None => None,
        };
        assert_eq!(bytes.is_some(), file.status == FileStatus::Ready, "{file:?}");
        assert_eq!(file.clone().details(&links()).reason.is_some(), file.status == FileStatus::Failed, "{file:?}");
        if let Some(bytes) = bytes {
            assert!(bytes == WHITE || bytes == BLACK, "{bytes:?}");
            let thumbnail = self.storage.object(file.published(Published::Thumbnail).unwrap()).await;
            let expected = media::thumbnail(&bytes).unwrap().jpeg;
            assert_eq!(thumbnail.body(), &expected, "file and thumbnail come from different uploads");
        }
    }

    /// Asserts that the published file has exactly these bytes.
    async fn assert_published(&self, file: &FileRow, bytes: &[u8]) {
        let key = file.published(Published::Original).unwrap_or_else(|| panic!("the file was not published: {file:?}"));
        assert_eq!(self.storage.object(key).await.body(), bytes);
    }

    /// Returns the keys of all objects in the bucket except uploads.
    async fn published_keys(&self) -> Vec<String> {
        let uploads = |key: &String| key.starts_with("uploads/");
        self.storage.keys().await.into_iter().filter(|key| !uploads(key)).collect()
    }
}

/// Starts a fake of Lambda whose function is files-decode with the bucket `storage`.
async fn lambda(storage: &Storage, keep_metadata: bool) -> Lambda {
    let bucket = storage.bucket();
    Lambda::start(move |payload| {
        let deps = files_decode::Deps { bucket: bucket.clone(), keep_metadata };
        async move {
            let request = serde_json::from_value(payload).unwrap();
            Invoked::Returned(serde_json::to_value(files_decode::handle(&deps, &request).await).unwrap())
        }
    })
    .await
}
