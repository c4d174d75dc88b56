use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};

use crate::chat::Chat;
use crate::error::Error;
use crate::keys;
use crate::message_row::MessageRow;
use crate::row::{from_item, n, s};
use crate::thread_row::{LastMessageRow, ThreadRow};

/// Condition of an update of a projection: its last message is the given message, in an older revision.
const OLDER_REVISION: &str = "lastSeq = :seq AND (attribute_not_exists(lastMessage.rev) OR lastMessage.rev < :rev)";

impl Chat {
    /// Updates the thread's projection if `message` is newer than the last message in the projection, or a newer
    /// revision of it. Returns the thread's row after the update, or the unchanged row if nothing was updated. Calls
    /// may be repeated and may come in any order. Fails with [`Error::MissingRow`] if the message references a missing
    /// thread or file.
    ///
    /// Before this call, the author's read mark must be moved to the message. Otherwise the message would count as
    /// unread in the author's list of threads.
    pub async fn advance_projection(&self, message: &MessageRow) -> Result<ThreadRow, Error> {
        self.project(message, &format!("lastSeq < :seq OR ({OLDER_REVISION})")).await
    }

    /// Updates the thread's projection if `message` is a newer revision of the last message in the projection. Returns
    /// and fails like [`advance_projection`](Self::advance_projection).
    pub async fn refresh_projection(&self, message: &MessageRow) -> Result<ThreadRow, Error> {
        self.project(message, OLDER_REVISION).await
    }

    async fn project(&self, message: &MessageRow, is_older: &str) -> Result<ThreadRow, Error> {
        let related = self.names_and_files([], &message.file_ids).await?;
        let last_message = LastMessageRow::of(message, related.files(&message.file_ids)?);
        let last_message = serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(last_message)
            .map_err(|source| Error::BadRow { key: message.key().to_string(), source })?;
        let key = keys::thread(&message.thread_id);
        let updated = self
            .table
            .update(&key)
            .update_expression("SET lastSeq = :seq, lastMessage = :message, updatedAt = :at")
            .condition_expression(format!("attribute_exists(pk) AND ({is_older})"))
            .expression_attribute_values(":seq", n(message.seq))
            .expression_attribute_values(":rev", n(message.rev))
            .expression_attribute_values(":message", last_message)
            .expression_attribute_values(":at", s(message.created_at.to_string()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let row = match updated {
            Ok(updated) => updated.attributes,
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => failed.item.clone(),
                _ => return Err(error.into()),
            },
        };
        from_item(row.ok_or_else(|| Error::MissingRow(key.to_string()))?)
    }
}
