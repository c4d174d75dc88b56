use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_support::describe;
use aws_types::SdkConfig;
use contract::{ApiError, PushId, ThreadId, UserId};
use serde::{Deserialize, Serialize};

/// A request to notify the members of a thread who have not read a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationRequest {
    /// ID of the thread.
    pub thread_id: ThreadId,
    /// The message's number in the thread.
    pub seq: u64,
    /// True to notify the members even if the thread has a later message. False to leave that to the request for the
    /// later message. It is true for every eighth message, so that a long burst of messages does not delay all
    /// notifications.
    #[serde(default)]
    pub even_if_followed: bool,
    /// Number of attempts that have failed.
    #[serde(default)]
    pub attempt: u32,
    /// The devices to notify: those that an earlier attempt did not reach. Empty to notify all devices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<(UserId, PushId)>,
}

/// Client of the queue of notifications. A function creates one and keeps it between invocations.
#[derive(Debug, Clone)]
pub struct Notifications {
    client: Client,
    queue_url: String,
}

impl Notifications {
    /// Creates a client of the SQS queue with the given URL.
    #[must_use]
    pub fn new(config: &SdkConfig, queue_url: String) -> Self {
        Self { client: Client::new(config), queue_url }
    }

    /// Sends a request that is due after `delay`, rounded up to whole seconds. SQS allows at most 15 minutes.
    pub async fn request(&self, request: &NotificationRequest, delay: Duration) -> Result<(), ApiError> {
        let seconds = i32::try_from(delay.as_millis().div_ceil(1_000)).unwrap_or(i32::MAX);
        let body = serde_json::to_string(request)?;
        let message = self.client.send_message().queue_url(&self.queue_url).message_body(body).delay_seconds(seconds);
        let sent = message.send().await;
        sent.map(drop).map_err(|error| ApiError::Unavailable(format!("SQS: {}", describe(&error))))
    }
}
