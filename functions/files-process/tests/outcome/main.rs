//! Settling files against real engines: `DynamoDB` and S3 in this process, and fakes of the queue and of
//! `@connections`.

#![allow(clippy::unwrap_used, reason = "what goes wrong in here fails the test")]

mod interleavings;
mod outcomes;
mod steps;

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{ApiError, Channel, FileStatus, Thread, Timestamp};
use files_process::{Event, Process};
use serde_json::{Value, json};
use store::{FileRow, Published};
use testkit::{Management, Queue, Storage, Tables, connect, links, new_file, new_thread};

/// Images of the same size, a white and a black pixel, and something of that size that is none.
const WHITE: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
const BLACK: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
const BROKEN: &[u8] = b"GIF89a, it says, but no picture yet";

/// One file of Sarah's, a thread of hers with Dad, and who listens: her phone to her own files alone, Dad's tablet to
/// the thread.
struct World {
    tables: Tables,
    storage: Storage,
    queue: Queue,
    management: Management,
    thread: Thread,
    file: FileRow,
}

impl World {
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

    fn process(&self) -> Process {
        self.process_on(&self.tables, &self.storage, &self.queue)
    }

    /// The function with these in place of the world's own.
    fn process_on(&self, tables: &Tables, storage: &Storage, queue: &Queue) -> Process {
        Process {
            chat: tables.chat(),
            bucket: storage.bucket(),
            push: self.management.push(tables.connections()),
            reminders: queue.reminders(),
            links: links(),
        }
    }

    async fn upload(&self, bytes: &'static [u8]) {
        self.storage.upload(&self.file.id, bytes).await;
    }

    /// The event of S3 that the file has been uploaded.
    fn uploaded(&self) -> Event {
        let mut event: Value = serde_json::from_str(include_str!("../../../../events/files-process.json")).unwrap();
        event["Records"][0]["s3"]["object"]["key"] = json!(format!("uploads/{}", self.file.id));
        serde_json::from_value(event).unwrap()
    }

    /// The reminder of the file.
    fn reminder(&self) -> Event {
        let sample = include_str!("../../../../events/files-process-reminder.json");
        let mut event: Value = serde_json::from_str(sample).unwrap();
        event["Records"][0]["body"] = json!(json!({"fileId": self.file.id}).to_string());
        serde_json::from_value(event).unwrap()
    }

    async fn handle(&self, event: Event) -> Result<(), ApiError> {
        self.process().handle(event).await
    }

    /// Lets so many minutes pass since the file was announced.
    async fn wait(&self, minutes: i64) {
        let then = Timestamp::from_millis(Timestamp::now().millis() - minutes * 60_000);
        let key = |text: String| AttributeValue::S(text);
        let update = self.tables.client.update_item().table_name(&self.tables.chat);
        let update = update.key("pk", key(format!("FILE#{}", self.file.id))).key("sk", key("META".into()));
        let update = update.update_expression("SET createdAt = :then");
        update.expression_attribute_values(":then", key(then.to_string())).send().await.unwrap();
    }

    /// The file as it is now.
    async fn now(&self) -> FileRow {
        self.tables.chat().file(&self.file.id).await.unwrap().unwrap()
    }

    /// The statuses of the file that `connection` heard of, in order: pushed by themselves or in a message.
    fn heard(&self, connection: &str) -> Vec<FileStatus> {
        let status = |value: &Value| serde_json::from_value(value.clone()).unwrap();
        let frames = self.management.frames(connection);
        let heard = frames.iter().map(|frame| match frame["event"].as_str() {
            Some("file:status") => {
                assert_eq!(frame["data"]["fileId"], json!(self.file.id));
                status(&frame["data"]["status"])
            }
            Some("message:new") => status(&frame["data"]["message"]["attachments"][0]["status"]),
            other => panic!("{other:?} was pushed"),
        });
        heard.collect()
    }

    /// What is published and what the row names agree, and the bytes are those of one upload.
    async fn assert_whole(&self, file: &FileRow) {
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
            assert_eq!(thumbnail.body(), &expected, "the thumbnail is of other bytes than the file");
        }
    }

    /// The objects that were published.
    async fn published(&self) -> Vec<String> {
        let uploads = |key: &String| key.starts_with("uploads/");
        self.storage.keys().await.into_iter().filter(|key| !uploads(key)).collect()
    }
}
