//! The shards of the stream: deliver records in batches, some of them again, and among them malformed ones.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::sleep;

use super::dead_letter;
use crate::left_out::{Inboxes, messages};
use crate::stream::record;
use crate::world::World;

/// Maximum number of retries of a batch of stream records: `MaximumRetryAttempts` in the template.
const STREAM_RETRIES: u32 = 100;
/// Longest pause before a batch of stream records is retried.
const STREAM_PAUSE: Duration = Duration::from_mins(1);

/// Sort key of a message that does not exist.
const NO_MESSAGE: &str = "MSG#00000000000000999999";

/// Sort key of a revision that does not exist.
const NO_REVISION: &str = "REV#00000000000000999999";

/// Returns a malformed record: its row is of an unknown kind, does not exist, or has an unknown change. `thread` is the
/// partition key of a thread.
fn poison(kind: usize, thread: &Value) -> Value {
    let key = |pk: &str, sk: &str| json!({"pk": {"S": pk}, "sk": {"S": sk}});
    let insert = |key: Value| record("INSERT", &key, &key);
    match kind {
        0 => insert(key("THREAD#poison", "MSG#1")),
        1 => insert(key("THREAD#thread_poison", "MSG#1")),
        2 => insert(key("POISON", "poison")),
        // The image is that of a valid message, but the table has no such row. chat-stream must read the row by its
        // key.
        3 => {
            let key = json!({"pk": thread, "sk": {"S": NO_MESSAGE}});
            let image = json!({
                "pk": thread, "sk": {"S": NO_MESSAGE}, "id": {"S": "msg_erased"}, "seq": {"N": "999999"},
                "threadId": {"S": thread["S"].as_str().unwrap().trim_start_matches("THREAD#")},
                "authorId": {"S": "user-sarah"}, "body": {"S": "erased"}, "createdAt": {"S": "2025-09-05T01:05:00.000Z"}
            });
            record("INSERT", &key, &image)
        }
        4 => insert(json!({"pk": thread, "sk": {"S": NO_REVISION}})),
        _ => record("MODIFY", &key("USER#poison", "THREAD#thread_poison"), &json!({"changed": {"S": "renamed"}})),
    }
}

/// Returns whether a dead letter is the key of a malformed record.
pub(crate) fn is_poison(letter: &str) -> bool {
    ["poison", NO_MESSAGE, NO_REVISION].iter().any(|key| letter.contains(key))
}

/// Starts a shard of the stream. Returns a sender that puts records into the shard. The shard delivers the records in
/// batches, one batch at a time.
pub(super) fn start_shard(world: &Arc<World>) -> UnboundedSender<Value> {
    let (sender, mut changes) = unbounded_channel();
    let reader = world.clone();
    drop(world.spawn("a shard of the stream", async move {
        let World { cloud, .. } = &*reader;
        let (chance, mut number) = (&cloud.chance, 0);
        let mut delivered: Vec<Value> = Vec::new();
        while let Some(change) = changes.recv().await {
            let mut records = vec![change];
            // Usually a short pause, in which messages-send may not have pushed the message yet. Sometimes a pause of
            // several seconds.
            chance.pause(if cloud.faults.one_in(10, chance) { 1_000..=8_000 } else { 20..=600 }).await;
            let most = chance.index(6) + 1;
            while records.len() < most
                && let Ok(change) = changes.try_recv()
            {
                records.push(change);
            }
            if cloud.faults.one_in(20, chance) {
                let thread = json!({"S": format!("THREAD#{}", reader.threads()[0].id)});
                records.insert(chance.index(records.len() + 1), poison(chance.index(6), &thread));
                reader.poisoned.fetch_add(1, Ordering::Relaxed);
            }
            for record in &mut records {
                number += 1;
                record["dynamodb"]["SequenceNumber"] = format!("{number:020}").into();
            }
            // Sometimes a record is delivered again, before later ones.
            if !delivered.is_empty() && cloud.faults.one_in(10, chance) {
                records.insert(0, chance.pick(&delivered).clone());
            }
            delivered.extend(records.iter().cloned());
            deliver_batch(&reader, records).await;
        }
        Some(())
    }));
    sender
}

/// Checks that members will be notified of each message in a batch that was processed, or of a later message in the thread.
fn check_requests(world: &World, records: &[Value]) {
    let log = world.cloud.notifications.log();
    for (thread, seq, _) in messages(records).filter(|_| world.cloud.notifications.are_on()) {
        if log.requested.get(thread).is_none_or(|seqs| seqs.last() < Some(&seq)) {
            world.problem(format!("no notification of message {seq} of {thread} was requested"));
        }
    }
}

/// Invokes chat-stream with a batch of stream records until it succeeds. After the last failed retry, the records go to the
/// dead-letter queue.
async fn deliver_batch(world: &Arc<World>, mut records: Vec<Value>) {
    let World { cloud, .. } = &**world;
    for attempt in 0..=STREAM_RETRIES {
        cloud.trace.note(format!("the stream delivers {} records", records.len()));
        let number = |record: &Value| record["dynamodb"]["SequenceNumber"].as_str().unwrap().to_owned();
        let inboxes = Inboxes::read(world, &records);
        match world.chat_stream(json!({"Records": records})).await {
            Some(failed) => match records.iter().position(|record| failed.contains(&number(record))) {
                None => {
                    if let Some(inboxes) = inboxes {
                        inboxes.check(world, &records);
                    }
                    check_requests(world, &records);
                    // Sometimes a successful batch is delivered again, because streams deliver at least once.
                    if !cloud.faults.one_in(10, &cloud.chance) {
                        return;
                    }
                }
                Some(first) => drop(records.drain(..first)),
            },
            // `BisectBatchOnFunctionError`: the two halves of a failed batch are delivered separately.
            None if records.len() > 1 => {
                let rest = records.split_off(records.len() / 2);
                Box::pin(deliver_batch(world, records)).await;
                return Box::pin(deliver_batch(world, rest)).await;
            }
            None => {}
        }
        sleep(STREAM_PAUSE.min(Duration::from_millis(200 << attempt.min(16)))).await;
    }
    for record in records {
        dead_letter(world, &record["dynamodb"]["Keys"].to_string());
    }
}
