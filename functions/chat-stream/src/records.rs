//! Handles stream records of the `Chat` table: updates the projections (last messages) of threads, and requests repairs
//! of undelivered messages.

use std::collections::BTreeMap;

use aws_lambda_events::dynamodb;
use contract::{ApiError, ThreadId};
use futures::future::{join_all, try_join_all};
use push::{DeadLetter, Repair};
use store::{Error, MessageRow};
use tracing::{error, warn};

use crate::{BatchResponse, Deps};

/// A committed message, and the key and position of the stream record that contains it.
struct Committed {
    message: MessageRow,
    key: DeadLetter,
    sequence_number: String,
}

/// Handles a batch of stream records. Groups the records by thread and writes each thread's projection once.
///
/// The key of a record that can never be processed is sent to the dead-letter queue at once. Otherwise Lambda would
/// retry the record and hold back the records after it.
pub(crate) async fn handle_records(deps: &Deps, event: dynamodb::Event) -> Result<BatchResponse, ApiError> {
    let (total, mut failed, mut cause) = (event.records.len(), Vec::new(), None);
    let mut threads: BTreeMap<ThreadId, Vec<Committed>> = BTreeMap::new();
    for record in event.records {
        let sequence_number = record.change.sequence_number.unwrap_or_default();
        let key = serde_dynamo::from_item::<_, DeadLetter>(record.change.keys)
            .map_err(|error| ApiError::Internal(format!("stream record {sequence_number} has no key: {error}")))?;
        match serde_dynamo::from_item::<_, MessageRow>(record.change.new_image) {
            Ok(message) => {
                let committed = Committed { message, key, sequence_number };
                threads.entry(committed.message.thread_id.clone()).or_default().push(committed);
            }
            Err(error) => {
                let DeadLetter { pk, sk } = &key;
                warn!(sequence_number, pk, sk, %error, "row is not a message; its key goes to the dead-letter queue");
                if let Err(error) = send_to_dead_letters(deps, &key).await {
                    failed.push(sequence_number);
                    cause = Some(error);
                }
            }
        }
    }
    let processed = join_all(threads.into_values().map(|messages| async move {
        let error = process_thread(deps, &messages).await.err()?;
        let thread = messages.first().map(|committed| committed.message.thread_id.to_string());
        warn!(thread, %error, "processing the stream records of a thread failed; Lambda will deliver them again");
        // Lambda retries from the first failed record. Every record of the thread is reported as failed, so that the
        // retry includes all of them.
        Some((messages.into_iter().map(|committed| committed.sequence_number), error))
    }));
    for (sequence_numbers, error) in processed.await.into_iter().flatten() {
        failed.extend(sequence_numbers);
        cause = Some(error);
    }
    match cause {
        Some(cause) if failed.len() == total => {
            Err(ApiError::Unavailable(format!("all {total} stream records failed, the last one with: {cause}")))
        }
        _ => Ok(BatchResponse::with_failures(failed)),
    }
}

/// Updates the thread's projection to its newest message, then requests a repair of each message that is still
/// undelivered.
async fn process_thread(deps: &Deps, messages: &[Committed]) -> Result<(), ApiError> {
    let Some(newest) = messages.iter().map(|committed| &committed.message).max_by_key(|message| message.seq) else {
        return Ok(());
    };
    match deps.chat.advance_projection(newest).await {
        Err(error @ Error::MissingRow(_)) => {
            warn!(%error, "messages reference a missing thread; their keys go to the dead-letter queue");
            for committed in messages {
                send_to_dead_letters(deps, &committed.key).await?;
            }
            return Ok(());
        }
        advanced => drop(advanced?),
    };
    // The stream record has the undelivered flag as of the commit. The sender may have cleared the flag since then, so
    // the messages' current rows are read.
    let keys: Vec<_> = messages.iter().map(|c| (c.message.thread_id.clone(), c.message.seq)).collect();
    let requests = deps.chat.undelivered_messages(&keys).await?.into_iter().map(|row| async move {
        let repair = Repair { thread_id: row.thread_id, seq: row.seq };
        deps.repairs.request(&repair).await
    });
    try_join_all(requests).await.map(drop)
}

async fn send_to_dead_letters(deps: &Deps, key: &DeadLetter) -> Result<(), ApiError> {
    deps.repairs.send_to_dead_letters(key).await.inspect_err(|error| {
        error!(%error, "sending a key to the dead-letter queue failed; Lambda will deliver the stream record again");
    })
}

#[cfg(test)]
mod tests {
    use contract::Thread;
    use serde_json::{Value, json};
    use store::Undelivered;
    use testkit::Fault;

    use super::*;
    use crate::fixture::{Fixture, record};

    #[tokio::test]
    async fn projection_never_goes_back_in_any_order_of_records() {
        let fixture = Fixture::new().await;
        let record = |seq| record(&fixture.thread, seq);
        assert_eq!(fixture.last_body().await, Value::Null);
        assert_eq!(fixture.process_records(vec![record(2), record(3), record(1)]).await, [""; 0]);
        assert_eq!(fixture.last_body().await, "message 3");
        assert_eq!(fixture.process_records(vec![record(2)]).await, [""; 0]);
        assert_eq!(fixture.last_body().await, "message 3");
    }

    #[tokio::test]
    async fn stream_image_of_a_sent_message_decodes() {
        let fixture = Fixture::new().await;
        fixture.send_text("hello").await;
        let item = fixture.tables.client.get_item().table_name(&fixture.tables.chat);
        let key = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let item = item.key("pk", key(&format!("THREAD#{}", fixture.thread.id)));
        let image = item.key("sk", key("MSG#00000000000000000001")).send().await.unwrap().item.unwrap();
        let row: MessageRow = serde_dynamo::aws_sdk_dynamodb_1::from_item(image).unwrap();
        assert_eq!((row.seq, row.body.as_str()), (1, "hello"));
        assert_eq!(row.undelivered(), Some(Undelivered::Everybody));
    }

    #[tokio::test]
    async fn unprocessable_records_go_to_the_dead_letter_queue_and_block_nothing() {
        let mut fixture = Fixture::new().await;
        let mut malformed = record(&fixture.thread, 2);
        malformed["dynamodb"]["NewImage"] = json!({"seq": {"S": "two"}});
        let missing = Thread { id: ThreadId::new(), ..fixture.thread.clone() };
        let records = || vec![record(&missing, 1), malformed.clone(), record(&fixture.thread, 3), record(&missing, 2)];
        assert_eq!(fixture.process_records(records()).await, [""; 0]);
        assert_eq!(fixture.last_body().await, "message 3");
        let key =
            |thread: &Thread, seq: u64| json!({"pk": format!("THREAD#{}", thread.id), "sk": format!("MSG#{seq:020}")});
        let mut dead_letters = fixture.queue.messages("dead-letters");
        let mut expected = [key(&missing, 1), key(&missing, 2), key(&fixture.thread, 2)];
        dead_letters.sort_unstable_by_key(Value::to_string);
        expected.sort_unstable_by_key(Value::to_string);
        assert_eq!(dead_letters, expected, "dead letters must contain keys and no message text");

        // If the dead-letter queue refuses the unprocessable records, they are reported as failed.
        let records = records();
        fixture.queue = fixture.queue.through(|_| Fault::Refuse("com.amazonaws.sqs#AccessDenied")).await;
        let mut failed = fixture.process_records(records).await;
        failed.sort_unstable();
        let mut expected =
            [format!("{}/1", missing.id), format!("{}/2", missing.id), format!("{}/2", fixture.thread.id)];
        expected.sort_unstable();
        assert_eq!(failed, expected);
        let failed = fixture.process_records(vec![malformed]).await;
        assert!(failed[0].starts_with("all 1 stream records failed"), "{failed:?}");
    }

    #[tokio::test]
    async fn repair_is_requested_only_for_messages_that_are_still_undelivered() {
        let fixture = Fixture::new().await;
        let (undelivered, delivered) = (fixture.send_text("message 1").await, fixture.send_text("message 2").await);
        fixture.tables.chat().record_delivery(&fixture.thread.id, 2, []).await.unwrap();
        assert_eq!(fixture.process_records(vec![undelivered, delivered]).await, [""; 0]);
        let repair = json!({"threadId": fixture.thread.id, "seq": 1});
        assert_eq!(fixture.queue.messages("repairs"), [repair]);
    }
}
