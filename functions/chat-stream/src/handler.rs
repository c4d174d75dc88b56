//! Follows the stream of the `Chat` table: copies each thread's last message into the thread's row (the projection),
//! moves the read marks of authors, and announces new threads, new and changed messages, read marks and settings.
//! Requests the deletion of the files of deleted messages. Delivers messages and announcements again to the subscribers
//! that they did not reach (the repair).
//!
//! Two event sources invoke the function. `records` handles the stream, which contains the changed rows. `repairs`
//! handles the repair queue, which contains requests to deliver a message or an announcement again. Stream records and
//! requests only name rows, and the function reads the rows when it processes them. So the order of records and
//! requests does not matter.

mod announcements;
mod changes;
mod messages;
mod notifications;
mod records;
mod repairs;

#[cfg(test)]
mod fixture;

use std::time::Duration;

use aws_lambda_events::dynamodb;
use aws_lambda_events::sqs::SqsEvent;
use contract::ApiError;
use push::{Limits, Notifications, Push, Repairs};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;
use store::{Chat, Links};

/// Time limits of a repair. The overall limit is longer than in messages-send, because no client waits for a repair.
pub const LIMITS: Limits = Limits { post: Duration::from_secs(2), overall: Duration::from_secs(10) };

/// Time limits of an announcement from the stream. They are short, because the next stream records are processed only
/// after it. The repair queue delivers the announcement to the connections that it does not reach in this time.
const STREAM_LIMITS: Limits = Limits { post: Duration::from_secs(1), overall: Duration::from_secs(1) };

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The `Chat` table, which stores messages, threads and memberships.
    pub chat: Chat,
    /// Delivers messages and announcements to subscribers, within [`LIMITS`].
    pub push: Push,
    /// Sends requests to the repair queue and to files-process, and the keys of rows that cannot be processed to the
    /// dead-letter queue.
    pub repairs: Repairs,
    /// Sends requests to notify members to push-send; `None` if this deployment sends no notifications.
    pub notifications: Option<Notifications>,
    /// Signs the links to message attachments.
    pub links: Links,
}

/// A Lambda event from one of chat-stream's two sources.
pub enum Event {
    /// A batch of stream records, one for each changed row.
    Records(dynamodb::Event),
    /// A batch of requests from the repair queue.
    Repairs(SqsEvent),
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = Value::deserialize(deserializer)?;
        match event["Records"][0]["eventSource"].as_str() {
            Some("aws:dynamodb") => serde_json::from_value(event).map(Self::Records),
            Some("aws:sqs") => serde_json::from_value(event).map(Self::Repairs),
            _ => return Err(D::Error::custom("the event's source is neither aws:dynamodb nor aws:sqs")),
        }
        .map_err(D::Error::custom)
    }
}

/// Lambda's partial batch response. It lists the stream records or queue messages that failed, so that Lambda delivers
/// them again.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    batch_item_failures: Vec<BatchItemFailure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchItemFailure {
    item_identifier: String,
}

impl BatchResponse {
    fn with_failures(identifiers: impl IntoIterator<Item = String>) -> Self {
        let failures = identifiers.into_iter().map(|item_identifier| BatchItemFailure { item_identifier });
        Self { batch_item_failures: failures.collect() }
    }

    /// Returns the IDs of the failed items: the sequence numbers of stream records, or the IDs of queue messages.
    pub fn failed(&self) -> impl Iterator<Item = &str> {
        self.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str())
    }
}

/// Handles a batch of stream records or repair requests, which Lambda may deliver repeatedly. Returns the records or
/// requests that failed. If every record of a stream batch failed, returns an error instead, because only an error
/// counts in the function's error metric.
pub async fn handle(deps: &Deps, event: Event) -> Result<BatchResponse, ApiError> {
    match event {
        Event::Records(event) => records::handle_records(deps, event).await,
        Event::Repairs(event) => Ok(repairs::handle_repairs(deps, event).await),
    }
}
