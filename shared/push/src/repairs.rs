use aws_sdk_sqs::Client;
use aws_types::SdkConfig;
use contract::{ApiError, ThreadId};
use serde::{Deserialize, Serialize};
use store::describe;

/// Seconds that a repair is held back: the sender is most likely still at it.
const DELAY: i32 = 2;

/// A message that has not reached everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repair {
    /// Its thread.
    pub thread_id: ThreadId,
    /// Its number there.
    pub seq: u64,
}

/// The queue of messages to be delivered once more, and the one for what can never be. Made once for the life of a
/// function.
#[derive(Debug, Clone)]
pub struct Repairs {
    client: Client,
    queue_url: String,
    dead_letters_url: String,
}

impl Repairs {
    /// The queues at these URLs.
    #[must_use]
    pub fn new(config: &SdkConfig, queue_url: String, dead_letters_url: String) -> Self {
        Self { client: Client::new(config), queue_url, dead_letters_url }
    }

    /// Has a message delivered once more, to whoever is left over by then.
    pub async fn request(&self, repair: &Repair) -> Result<(), ApiError> {
        self.send(&self.queue_url, serde_json::to_string(repair)?, DELAY).await
    }

    /// Puts aside what nobody can handle, for a person to look at: `what` as it came.
    pub async fn send_to_dead_letters(&self, what: &impl Serialize) -> Result<(), ApiError> {
        self.send(&self.dead_letters_url, serde_json::to_string(what)?, 0).await
    }

    async fn send(&self, url: &str, body: String, delay: i32) -> Result<(), ApiError> {
        let request = self.client.send_message().queue_url(url).message_body(body).delay_seconds(delay);
        let sent = request.send().await;
        sent.map(drop).map_err(|error| ApiError::Unavailable(format!("SQS: {}", describe(&error))))
    }
}
