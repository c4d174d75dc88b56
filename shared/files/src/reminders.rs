use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_types::SdkConfig;
use contract::FileId;
use serde::{Deserialize, Serialize};

use crate::Error;

/// The longest delay of an SQS message:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
pub const MAX_DELAY: Duration = Duration::from_mins(15);

/// A queue message that makes files-process check on a file: after the file's upload window, or after the file was
/// replaced as its owner's picture. As JSON: `{"fileId":"file_…"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reminder {
    /// ID of the file to check.
    pub file_id: FileId,
}

/// Client of the queue of reminders. SQS delivers each reminder at least once, at or after its due time. A function
/// creates one client and keeps it between invocations.
#[derive(Debug, Clone)]
pub struct Reminders {
    client: Client,
    queue_url: String,
}

impl Reminders {
    /// Creates a client of the queue with the given URL. It must be a standard queue, because a FIFO queue has one
    /// delay for all its messages.
    #[must_use]
    pub fn new(config: &SdkConfig, queue_url: String) -> Self {
        // The URL only identifies the queue. Requests go to the endpoint in `config`.
        Self { client: Client::new(config), queue_url }
    }

    /// Opens the network connection, so that the first request is faster. Call it during a function's initialization,
    /// when Lambda provides a whole CPU. It needs the permission `sqs:GetQueueAttributes`.
    pub async fn warm_up(&self) -> Result<(), Error> {
        self.client.get_queue_attributes().queue_url(&self.queue_url).send().await?;
        Ok(())
    }

    /// Sends a reminder that is due after `delay`, rounded up to whole seconds and limited to [`MAX_DELAY`]. If a
    /// limited reminder comes too early, its receiver must send another one.
    pub async fn remind(&self, file_id: &FileId, delay: Duration) -> Result<(), Error> {
        let seconds = delay.min(MAX_DELAY).as_nanos().div_ceil(1_000_000_000);
        let reminder = serde_json::to_string(&Reminder { file_id: file_id.clone() }).map_err(Error::refused)?;
        let request = self.client.send_message().queue_url(&self.queue_url).message_body(reminder);
        request.delay_seconds(i32::try_from(seconds).map_err(Error::refused)?).send().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reminder_is_a_json_object_with_the_file_id() {
        let reminder = Reminder { file_id: FileId::parse("file_1").unwrap() };
        assert_eq!(serde_json::to_string(&reminder).unwrap(), r#"{"fileId":"file_1"}"#);
        assert_eq!(serde_json::from_str::<Reminder>(r#"{"fileId":"file_1","more":1}"#).unwrap(), reminder);
        for text in ["", "{}", r#"{"fileId":1}"#, r#"{"fileId":"thread_1"}"#, r#"{"file_id":"file_1"}"#] {
            assert!(serde_json::from_str::<Reminder>(text).is_err(), "{text}");
        }
    }
}
