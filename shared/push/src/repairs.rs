use std::collections::BTreeSet;

use aws_sdk_sqs::Client;
use aws_support::describe;
use aws_types::SdkConfig;
use contract::{ApiError, ConnectionId, ReadMark, ThreadId, UserId};
use serde::{Deserialize, Serialize};

/// Seconds that SQS delays the repair of a message. The delivery by messages-send takes at most 8 seconds. An earlier
/// repair would send the message a second time to connections that this delivery is still going to reach.
const MESSAGE_DELAY: i32 = 10;

/// Seconds that SQS delays the repair of an announcement, because a slow connection may recover meanwhile.
const ANNOUNCEMENT_DELAY: i32 = 2;

/// A request to deliver an event again. It holds only IDs and numbers: the content of the event is read when the event
/// is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Repair {
    /// Deliver an undelivered message. Its undelivered flag says to which connections, or to all subscribers.
    Message {
        /// ID of the message's thread.
        thread_id: ThreadId,
        /// The message's number in its thread.
        seq: u64,
    },
    /// Deliver an announcement.
    Announcement {
        /// The announcement.
        announcement: Announcement,
        /// The connections that an earlier delivery of the announcement did not reach; `None` for its whole audience.
        connections: Option<BTreeSet<ConnectionId>>,
    },
}

/// An event that chat-stream pushes, without its content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "event", rename_all_fields = "camelCase")]
pub enum Announcement {
    /// A thread was created.
    #[serde(rename = "thread:new")]
    ThreadNew {
        /// ID of the thread.
        thread_id: ThreadId,
    },
    /// Messages were committed in a thread, or its last message was edited or deleted.
    #[serde(rename = "thread:updated")]
    ThreadUpdated {
        /// ID of the thread.
        thread_id: ThreadId,
        /// The authors of the messages, each with the `seq` of their last one; empty after an edit or a deletion.
        sent: Vec<ReadMark>,
    },
    /// Messages of a thread were changed.
    #[serde(rename = "message:changed")]
    MessageChanged {
        /// ID of the thread.
        thread_id: ThreadId,
        /// The revisions of the changes, in order. Each becomes an event.
        revs: Vec<u64>,
    },
    /// A member has moved their read mark.
    #[serde(rename = "read:updated")]
    ReadUpdated {
        /// ID of the thread.
        thread_id: ThreadId,
        /// ID of the member.
        user_id: UserId,
    },
    /// A member has changed their settings for a thread.
    #[serde(rename = "thread:settings")]
    ThreadSettings {
        /// ID of the thread.
        thread_id: ThreadId,
        /// ID of the member.
        user_id: UserId,
    },
}

/// A request to files-process: delete the files of a deleted message, except those that still have another use. The
/// request names the revision of the deletion; the row of this revision has the file IDs. As JSON:
/// `{"threadId":"thread_…","rev":7}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Erasure {
    /// ID of the message's thread.
    pub thread_id: ThreadId,
    /// The revision of the deletion.
    pub rev: u64,
}

/// The entry of the dead-letter queue for a stream record that cannot be processed. It has only the primary key of the
/// record's row in the table `Chat`, so that the queue keeps no message text. A redrive reads the row again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The row's partition key.
    pub pk: String,
    /// The row's sort key.
    pub sk: String,
}

/// Client of the queues that chat-stream sends to: the repair queue, the dead-letter queue and the queue of files-process. A
/// function creates one and keeps it between invocations.
#[derive(Debug, Clone)]
pub struct Repairs {
    client: Client,
    queue_url: String,
    dead_letters_url: String,
    files_url: String,
}

impl Repairs {
    /// Creates a client of the SQS queues with the given URLs.
    #[must_use]
    pub fn new(config: &SdkConfig, queue_url: String, dead_letters_url: String, files_url: String) -> Self {
        Self { client: Client::new(config), queue_url, dead_letters_url, files_url }
    }

    /// Sends a repair to the repair queue. SQS delivers it to chat-stream after 10 seconds (a message) or 2 seconds (an
    /// announcement).
    pub async fn request(&self, repair: &Repair) -> Result<(), ApiError> {
        let delay = match repair {
            Repair::Message { .. } => MESSAGE_DELAY,
            Repair::Announcement { .. } => ANNOUNCEMENT_DELAY,
        };
        self.send(&self.queue_url, serde_json::to_string(repair)?, delay).await
    }

    /// Sends an erasure to the queue of files-process.
    pub async fn request_erasure(&self, erasure: &Erasure) -> Result<(), ApiError> {
        self.send(&self.files_url, serde_json::to_string(erasure)?, 0).await
    }

    /// Sends the key of a row that cannot be processed to the dead-letter queue, for a person to look at.
    pub async fn send_to_dead_letters(&self, row: &DeadLetter) -> Result<(), ApiError> {
        self.send(&self.dead_letters_url, serde_json::to_string(row)?, 0).await
    }

    async fn send(&self, url: &str, body: String, delay: i32) -> Result<(), ApiError> {
        let request = self.client.send_message().queue_url(url).message_body(body).delay_seconds(delay);
        let sent = request.send().await;
        // Every error is reported as temporary. The function then fails, and the stream or queue delivers its event
        // again.
        sent.map(drop).map_err(|error| ApiError::Unavailable(format!("SQS: {}", describe(&error))))
    }
}
