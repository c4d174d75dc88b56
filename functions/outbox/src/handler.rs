//! Follows the messages that are committed: keeps each thread's `lastSeq`, `lastMessage` and `updatedAt`.

use std::collections::HashMap;

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use contract::ThreadId;
use futures::future::join_all;
use serde_dynamo::Item;
use store::{Chat, MessageRow};
use tracing::error;

/// Advances every thread in the batch, one write for each. Returns the records that failed, so that Lambda tries
/// again from the first of them; doing a record twice changes nothing.
pub async fn handle(chat: &Chat, event: Event) -> DynamoDbEventResponse {
    let mut failed = Vec::new();
    let mut threads: HashMap<ThreadId, Vec<(MessageRow, String)>> = HashMap::new();
    for record in event.records {
        let sequence_number = record.change.sequence_number.clone().unwrap_or_default();
        match message(record) {
            Ok(message) => threads.entry(message.thread_id.clone()).or_default().push((message, sequence_number)),
            Err((key, error)) => {
                error!(sequence_number, ?key, %error, "a record of the stream is no message");
                failed.push(sequence_number);
            }
        }
    }
    let advanced = join_all(threads.into_values().map(|messages| async move {
        let newest = messages.iter().map(|(message, _)| message).max_by_key(|message| message.seq)?;
        let error = chat.advance_thread(newest).await.err()?;
        error!(thread = %newest.thread_id, seq = newest.seq, %error, "a thread was not advanced");
        // All of the thread's records, so that the retry starts at the first of them.
        Some(messages.into_iter().map(|(_, sequence_number)| sequence_number).collect::<Vec<_>>())
    }));
    failed.extend(advanced.await.into_iter().flatten().flatten());

    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = failed
        .into_iter()
        .map(|sequence_number| {
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = Some(sequence_number);
            failure
        })
        .collect();
    response
}

/// The message of a record, or the key of a row that is none.
fn message(record: EventRecord) -> Result<MessageRow, (Item, serde_dynamo::Error)> {
    let keys = record.change.keys;
    serde_dynamo::from_item(record.change.new_image).map_err(|error| (keys, error))
}

#[cfg(test)]
mod tests {
    use contract::{Thread, ThreadsQuery};
    use serde_json::{Value, json};
    use testkit::{Tables, caller, links, say, thread_of};

    use super::*;

    const EVENT: &str = include_str!("../../../events/outbox.json");

    /// The sample's first record, as the record of message `seq` of `thread`.
    fn record(thread: &Thread, seq: u64) -> Value {
        let mut record = serde_json::from_str::<Value>(EVENT).unwrap()["Records"][0].take();
        record["dynamodb"]["NewImage"]["threadId"]["S"] = json!(thread.id);
        record["dynamodb"]["NewImage"]["seq"]["N"] = json!(seq.to_string());
        record["dynamodb"]["NewImage"]["body"]["S"] = json!(format!("message {seq}"));
        record["dynamodb"]["SequenceNumber"] = json!(format!("{}/{seq}", thread.id));
        record
    }

    async fn failures(chat: &Chat, records: Vec<Value>) -> Vec<String> {
        let event = serde_json::from_value(json!({"Records": records})).unwrap();
        let failures = handle(chat, event).await.batch_item_failures;
        failures.into_iter().map(|failure| failure.item_identifier.unwrap()).collect()
    }

    /// Body of the last message of the user's only thread.
    async fn last(chat: &Chat) -> Value {
        let query = ThreadsQuery::parse(None, None).unwrap();
        let page =
            serde_json::to_value(chat.threads(&caller("user-sarah").id, &query, &links()).await.unwrap()).unwrap();
        page["threads"][0]["lastMessage"]["body"].clone()
    }

    #[tokio::test]
    async fn the_projection_only_goes_forward_whatever_order_records_come_in() {
        let chat = Tables::create().await.chat();
        let thread = thread_of(&chat, &["user-sarah"]).await;
        assert_eq!(last(&chat).await, Value::Null);
        assert_eq!(failures(&chat, vec![record(&thread, 2), record(&thread, 3), record(&thread, 1)]).await, [""; 0]);
        assert_eq!(last(&chat).await, "message 3");
        assert_eq!(failures(&chat, vec![record(&thread, 2)]).await, [""; 0]);
        assert_eq!(last(&chat).await, "message 3");
    }

    #[tokio::test]
    async fn a_sent_message_reads_back_from_its_image() {
        let tables = Tables::create().await;
        let chat = tables.chat();
        let thread = thread_of(&chat, &["user-sarah"]).await;
        let sent = say(&chat, "user-sarah", &thread, "hello").await;
        let item = tables.client.get_item().table_name(&tables.chat);
        let key = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let item = item.key("pk", key(&format!("THREAD#{}", thread.id))).key("sk", key("MSG#00000000000000000001"));
        let image = item.send().await.unwrap().item.unwrap();
        let row: MessageRow = serde_dynamo::aws_sdk_dynamodb_1::from_item(image).unwrap();
        assert_eq!((row.id, row.seq, row.body), (sent.id, 1, "hello".into()));
    }

    #[tokio::test]
    async fn what_fails_is_returned_and_the_rest_is_done() {
        let tables = Tables::create().await;
        let chat = tables.chat();
        let (thread, other) = (thread_of(&chat, &["user-sarah"]).await, thread_of(&chat, &["user-dad"]).await);
        let mut garbage = record(&thread, 2);
        garbage["dynamodb"]["NewImage"] = json!({"seq": {"S": "two"}});
        let gone = Thread { id: ThreadId::new(), ..other };
        let records = vec![record(&gone, 1), garbage, record(&thread, 3), record(&gone, 2)];
        let mut failed = failures(&chat, records).await;
        failed.sort_unstable();
        let mut expected = vec![format!("{}/1", gone.id), format!("{}/2", thread.id), format!("{}/2", gone.id)];
        expected.sort_unstable();
        assert_eq!(failed, expected);
        assert_eq!(last(&chat).await, "message 3");
    }
}
