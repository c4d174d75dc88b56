//! Simulated event sources that invoke functions: the stream of the `Chat` table, the queues and the bucket. The stream
//! and the queues deliver each event at least once, partly out of order. S3's events may also get lost.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::sleep;

use crate::cloud::Consequence;
use crate::world::World;

/// Maximum number of retries of a batch of stream records: `MaximumRetryAttempts` in the template.
const STREAM_RETRIES: u32 = 100;
/// Longest pause before a batch of stream records is retried.
const STREAM_PAUSE: Duration = Duration::from_mins(1);

/// Partition key of the malformed records that the simulation sometimes puts on the stream.
pub(crate) const POISON: &str = "THREAD#poison";

/// Settings of an SQS queue in the template.
struct Queue {
    name: &'static str,
    /// `VisibilityTimeout`: the pause before a message that failed is received again.
    visibility: Duration,
    /// `maxReceiveCount`: after this many failed receives, a message goes to the dead-letter queue.
    max_receives: u64,
}

const QUEUES: [Queue; 2] = [
    Queue { name: "reminders", visibility: Duration::from_mins(12), max_receives: 50 },
    Queue { name: "repairs", visibility: Duration::from_mins(1), max_receives: 30 },
];

/// Delivers the events that AWS calls cause, until the history is over.
pub(crate) async fn run(world: Arc<World>, mut consequences: UnboundedReceiver<Consequence>) {
    // As in DynamoDB, all messages of a thread go to the same shard, because a shard keeps the commit order.
    let shards = world.cloud.chance.index(2) + 1;
    let shards: Vec<UnboundedSender<Value>> = (0..shards).map(|_| shard(&world)).collect();
    while let Some(consequence) = consequences.recv().await {
        match consequence {
            Consequence::Committed(image) => {
                let thread = world.threads.iter().position(|thread| image["threadId"]["S"] == json!(thread.id));
                shards[thread.expect("the committed message belongs to no thread of the history") % shards.len()]
                    .send(image)
                    .unwrap();
            }
            Consequence::Uploaded(key) => deliver_upload(&world, &key),
            Consequence::Queued { queue, body, .. } if queue == "dead-letters" => dead_letter(&world, &body),
            Consequence::Queued { queue, body, delay } => {
                let queue =
                    QUEUES.iter().find(|known| known.name == queue).expect("QUEUES lacks a queue of the template");
                deliver_message(&world, queue, &body, delay);
            }
        }
    }
}

/// Starts a shard of the stream. Returns a sender that puts new rows into the shard. The shard delivers the rows in
/// batches, one batch at a time.
fn shard(world: &Arc<World>) -> UnboundedSender<Value> {
    let (sender, mut images) = unbounded_channel();
    let reader = world.clone();
    drop(world.spawn("a shard of the stream", async move {
        let World { cloud, .. } = &*reader;
        let mut number = 0;
        while let Some(image) = images.recv().await {
            let mut records = vec![image];
            cloud
                .chance
                .pause(if cloud.faults.one_in(10, &cloud.chance) { 1_000..=8_000 } else { 1_000..=1_500 })
                .await;
            let most = cloud.chance.index(5) + 1;
            while records.len() < most
                && let Ok(image) = images.try_recv()
            {
                records.push(image);
            }
            if cloud.faults.one_in(20, &cloud.chance) {
                records
                    .insert(cloud.chance.index(records.len() + 1), json!({"pk": {"S": POISON}, "sk": {"S": "MSG#1"}}));
                reader.poisoned.fetch_add(1, Ordering::Relaxed);
            }
            let records = records.into_iter().map(|image| {
                number += 1;
                stream_record(&image, number)
            });
            deliver_batch(&reader, records.collect()).await;
        }
        Some(())
    }));
    sender
}

/// Returns a stream record for a new row of the `Chat` table, with the sequence number `number`.
pub(crate) fn stream_record(image: &Value, number: u64) -> Value {
    json!({
        "eventID": number.to_string(), "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_757_034_300, "Keys": {"pk": image["pk"], "sk": image["sk"]},
            "NewImage": image, "SequenceNumber": format!("{number:020}"), "SizeBytes": 300, "StreamViewType": "NEW_IMAGE"
        }
    })
}

/// Delivers a batch of stream records until its handling succeeds. After the last failed retry, the records go to the
/// dead-letter queue.
async fn deliver_batch(world: &Arc<World>, mut records: Vec<Value>) {
    let World { cloud, .. } = &**world;
    for attempt in 0..=STREAM_RETRIES {
        cloud.trace.note(format!("the stream delivers {} records", records.len()));
        let number = |record: &Value| record["dynamodb"]["SequenceNumber"].as_str().unwrap().to_owned();
        match world.chat_stream(json!({"Records": records})).await {
            Some(failed) => match records.iter().position(|record| failed.contains(&number(record))) {
                // Sometimes a successful batch is delivered again, because streams deliver at least once.
                None if cloud.faults.one_in(10, &cloud.chance) => {}
                None => return,
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

/// Delivers a queue message, sometimes as two copies, until its handling succeeds. After the last failed receive, the
/// message goes to the dead-letter queue.
fn deliver_message(world: &Arc<World>, queue: &'static Queue, body: &str, delay: u64) {
    let World { cloud, .. } = &**world;
    let copies = if cloud.faults.one_in(10, &cloud.chance) { 2 } else { 1 };
    for _ in 0..copies {
        let (task, body) = (world.clone(), body.to_owned());
        drop(world.spawn("a message of a queue", async move {
            sleep(Duration::from_secs(delay)).await;
            task.cloud.chance.pause(0..=2_000).await;
            for receive in 1..=queue.max_receives {
                let event = queue_event(queue.name, &body, receive);
                task.cloud.trace.note(format!("the queue {} delivers {body}, receive {receive}", queue.name));
                let done = match queue.name {
                    "reminders" => task.files_process(event).await,
                    "repairs" => task.chat_stream(event).await.is_some_and(|failed| failed.is_empty()),
                    other => panic!("no function is triggered by the queue {other}"),
                };
                if done {
                    return Some(());
                }
                sleep(queue.visibility).await;
            }
            dead_letter(&task, &body);
            Some(())
        }));
    }
}

/// Returns a Lambda event with one queue message that is received for the `receive`-th time.
pub(crate) fn queue_event(queue: &str, body: &str, receive: u64) -> Value {
    json!({"Records": [{
        "messageId": "1", "receiptHandle": "1", "body": body, "md5OfBody": "", "messageAttributes": {},
        "attributes": {"ApproximateReceiveCount": receive.to_string()},
        "eventSource": "aws:sqs", "eventSourceARN": format!("arn:aws:sqs:us-east-1:1:{queue}"), "awsRegion": "us-east-1"
    }]})
}

/// Returns S3's event for a new object.
pub(crate) fn upload_event(key: &str) -> Value {
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2025-09-05T01:05:03.123Z", "eventName": "ObjectCreated:Put", "userIdentity": {},
        "requestParameters": {}, "responseElements": {},
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": "bucket"}, "object": {"key": key}}
    }]})
}

/// Delivers S3's event for an upload: mostly once, sometimes twice or never. Each delivery is tried up to three times.
fn deliver_upload(world: &Arc<World>, key: &str) {
    let World { cloud, .. } = &**world;
    let times = match () {
        () if cloud.faults.one_in(20, &cloud.chance) => 0,
        () if cloud.faults.one_in(5, &cloud.chance) => 2,
        () => 1,
    };
    for _ in 0..times {
        let event = upload_event(key);
        let (task, key) = (world.clone(), key.to_owned());
        drop(world.spawn("an event of S3", async move {
            task.cloud.chance.pause(100..=3_000).await;
            for retry in 1..=3 {
                task.cloud.trace.note(format!("S3 reports the upload {key}"));
                if task.files_process(event.clone()).await {
                    break;
                }
                // After the third try, only the file's reminder can make files-process handle the upload.
                sleep(Duration::from_mins(retry)).await;
            }
            Some(())
        }));
    }
}

/// Puts the body of a queue message or the keys of a stream record into a dead-letter queue.
fn dead_letter(world: &World, body: &str) {
    // The JSON fields of a dead letter have no fixed order. The trace contains only the letter's kind, because the
    // trace of a seed must be the same each time.
    let kind = if body.contains(POISON) { "a malformed record" } else { "a message" };
    world.cloud.trace.note(format!("the dead-letter queue receives {kind}"));
    world.dead_letters.lock().unwrap_or_else(PoisonError::into_inner).push(body.to_owned());
}
