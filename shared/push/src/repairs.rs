use aws_sdk_sqs::Client;
use aws_support::describe;
use aws_types::SdkConfig;
use contract::{ApiError, ThreadId};
use serde::{Deserialize, Serialize};

/// Seconds that SQS delays a repair, because the sender is probably still delivering the message.
const DELAY: i32 = 2;

/// A request to deliver an undelivered message again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repair {
    /// ID of the undelivered message's thread.
    pub thread_id: ThreadId,
    /// The undelivered message's number in its thread.
    pub seq: u64,
}

/// What the dead-letter queue holds of a stream record that cannot be processed: only the primary key of its row in the
/// `Chat` table, so that the queue keeps no message text. A redrive reads the row again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The row's partition key.
    pub pk: String,
    /// The row's sort key.
    pub sk: String,
}

/// Client of the repair queue and the dead-letter queue. A function creates one and keeps it between invocations.
#[derive(Debug, Clone)]
pub struct Repairs {
    client: Client,
    queue_url: String,
    dead_letters_url: String,
}

impl Repairs {
    /// Creates a client of the SQS queues with the given URLs.
    #[must_use]
    pub fn new(config: &SdkConfig, queue_url: String, dead_letters_url: String) -> Self {
        Self { client: Client::new(config), queue_url, dead_letters_url }
    }

    /// Sends a repair to the repair queue. SQS delivers it to chat-stream after 2 seconds.
    pub async fn request(&self, repair: &Repair) -> Result<(), ApiError> {
        self.send(&self.queue_url, serde_json::to_string(repair)?, DELAY).await
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
