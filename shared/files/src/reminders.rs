use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_types::SdkConfig;
use contract::FileId;
use serde::{Deserialize, Serialize};

use crate::Error;

/// The longest that SQS delays a message:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
pub const MAX_DELAY: Duration = Duration::from_mins(15);

/// What a reminder says, as JSON: `{"fileId":"file_…"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reminder {
    /// The file to look after.
    pub file_id: FileId,
}

/// The queue of reminders: each comes at least once, some time after it is due. Made once for the life of a function.
#[derive(Debug, Clone)]
pub struct Reminders {
    client: Client,
    queue_url: String,
}

impl Reminders {
    /// The standard queue at `queue_url` (a FIFO queue delays all messages alike).
    #[must_use]
    pub fn new(config: &SdkConfig, queue_url: String) -> Self {
        // The queue's URL is only a name: the client calls the endpoint of its configuration.
        Self { client: Client::new(config), queue_url }
    }

    /// Opens the connection that the first reminder will use; for a function's start, which has a whole CPU. Needs
    /// `sqs:GetQueueAttributes`.
    pub async fn warm_up(&self) -> Result<(), Error> {
        self.client.get_queue_attributes().queue_url(&self.queue_url).send().await?;
        Ok(())
    }

    /// Sends a reminder of a file that comes `after` so long, in seconds rounded up, or after [`MAX_DELAY`] where that
    /// is longer: then whoever receives it before its time has to send the next.
    pub async fn remind(&self, file_id: &FileId, after: Duration) -> Result<(), Error> {
        let seconds = after.min(MAX_DELAY).as_nanos().div_ceil(1_000_000_000);
        let reminder = serde_json::to_string(&Reminder { file_id: file_id.clone() })?;
        let request = self.client.send_message().queue_url(&self.queue_url).message_body(reminder);
        request.delay_seconds(i32::try_from(seconds)?).send().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reminder_is_json() {
        let reminder = Reminder { file_id: FileId::parse("file_1").unwrap() };
        assert_eq!(serde_json::to_string(&reminder).unwrap(), r#"{"fileId":"file_1"}"#);
        assert_eq!(serde_json::from_str::<Reminder>(r#"{"fileId":"file_1","more":1}"#).unwrap(), reminder);
        for text in ["", "{}", r#"{"fileId":1}"#, r#"{"fileId":"thread_1"}"#, r#"{"file_id":"file_1"}"#] {
            assert!(serde_json::from_str::<Reminder>(text).is_err(), "{text}");
        }
    }
}
