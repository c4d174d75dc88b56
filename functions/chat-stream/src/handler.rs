//! Keeps each thread's projection up to date, and has undelivered messages delivered again.
//!
//! Two sources invoke the function. [`records`] handles the stream of the table `Chat`, which has the committed messages.
//! [`repairs`] handles the repair queue, which has the messages that did not reach every subscriber.

mod records;
mod repairs;

#[cfg(test)]
mod fixture;

use std::time::Duration;

use aws_lambda_events::dynamodb;
use aws_lambda_events::sqs::SqsEvent;
use contract::ApiError;
use push::{Limits, Push, Repairs};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;
use store::{Chat, Links};

/// Time limits of a repair. They are longer than a sender's, because no client waits for a repair.
pub const LIMITS: Limits = Limits { post: Duration::from_secs(2), overall: Duration::from_secs(10) };

/// Handler dependencies.
pub struct Deps {
    /// Stores messages and threads.
    pub chat: Chat,
    /// Delivers messages to the subscribers of their threads, within [`LIMITS`].
    pub push: Push,
    /// Sends to the repair queue and to the dead-letter queue.
    pub repairs: Repairs,
    /// Signs the links of attachments.
    pub links: Links,
}

/// The Lambda event, by its source.
pub enum Event {
    /// A batch of stream records: messages were committed.
    Records(dynamodb::Event),
    /// A batch of the repair queue: messages are undelivered.
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

/// Lambda's partial batch response: which stream records or queue messages failed and have to be delivered again.
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

    /// Returns the failed items: sequence numbers of stream records, or IDs of queue messages.
    pub fn failed(&self) -> impl Iterator<Item = &str> {
        self.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str())
    }
}

/// Handles a batch of either source, which may be repeated. Returns the items that failed. If every record of a stream batch
/// failed, it returns an error instead, which counts in the function's error metric.
pub async fn handle(deps: &Deps, event: Event) -> Result<BatchResponse, ApiError> {
    match event {
        Event::Records(event) => records::handle_records(deps, event).await,
        Event::Repairs(event) => Ok(repairs::handle_repairs(deps, event).await),
    }
}
