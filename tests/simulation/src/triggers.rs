//! What invokes functions without being asked: the table's stream, the queues and the bucket. All of it at least once.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::sleep;

use crate::cloud::Consequence;
use crate::world::World;

/// How often a batch of the stream is tried again (`MaximumRetryAttempts`).
const STREAM_RETRIES: u32 = 100;
/// Between two tries, at most.
const STREAM_PAUSE: Duration = Duration::from_mins(1);

/// What is on the stream now and then and no message.
pub(crate) const POISON: &str = "THREAD#poison";

/// A queue of the template: `VisibilityTimeout` and `maxReceiveCount`.
struct Queue {
    name: &'static str,
    visibility: Duration,
    receipts: u64,
}

const QUEUES: [Queue; 2] = [
    Queue { name: "reminders", visibility: Duration::from_mins(12), receipts: 50 },
    Queue { name: "repairs", visibility: Duration::from_mins(1), receipts: 30 },
];

/// Sees to all that follows from calls, for as long as the history lasts.
pub(crate) async fn run(world: Arc<World>, mut consequences: UnboundedReceiver<Consequence>) {
    // The rows of a partition are in one shard, in order.
    let shards = world.cloud.chance.index(2) + 1;
    let shards: Vec<UnboundedSender<Value>> = (0..shards).map(|_| shard(&world)).collect();
    while let Some(consequence) = consequences.recv().await {
        match consequence {
            Consequence::Committed(image) => {
                let thread = world.threads.iter().position(|thread| image["threadId"]["S"] == json!(thread.id));
                shards[thread.expect("a thread of this world") % shards.len()].send(image).unwrap();
            }
            Consequence::Uploaded(key) => uploaded(&world, &key),
            Consequence::Queued { queue, body, .. } if queue == "dead-letters" => give_up(&world, &body),
            Consequence::Queued { queue, body, delay } => {
                let queue = QUEUES.iter().find(|known| known.name == queue).expect("a queue of the template");
                queued(&world, queue, &body, delay);
            }
        }
    }
}

fn shard(world: &Arc<World>) -> UnboundedSender<Value> {
    let (sender, mut images) = unbounded_channel();
    let reader = world.clone();
    drop(world.spawn("a shard", async move {
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
                record(&image, number)
            });
            batch(&reader, records.collect()).await;
        }
        Some(())
    }));
    sender
}

pub(crate) fn record(image: &Value, number: u64) -> Value {
    json!({
        "eventID": number.to_string(), "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_757_034_300, "Keys": {"pk": image["pk"], "sk": image["sk"]},
            "NewImage": image, "SequenceNumber": format!("{number:020}"), "SizeBytes": 300, "StreamViewType": "NEW_IMAGE"
        }
    })
}

/// A batch of the stream, until it is done or given up.
async fn batch(world: &Arc<World>, mut records: Vec<Value>) {
    let World { cloud, .. } = &**world;
    for attempt in 0..=STREAM_RETRIES {
        cloud.trace.note(format!("the stream brings {} records", records.len()));
        let number = |record: &Value| record["dynamodb"]["SequenceNumber"].as_str().unwrap().to_owned();
        match world.outbox(json!({"Records": records})).await {
            Some(failed) => match records.iter().position(|record| failed.contains(&number(record))) {
                // Now and then all of it once more: at least once, and out of order with what has come since.
                None if cloud.faults.one_in(10, &cloud.chance) => {}
                None => return,
                Some(first) => drop(records.drain(..first)),
            },
            // `BisectBatchOnFunctionError`
            None if records.len() > 1 => {
                let rest = records.split_off(records.len() / 2);
                Box::pin(batch(world, records)).await;
                return Box::pin(batch(world, rest)).await;
            }
            None => {}
        }
        sleep(STREAM_PAUSE.min(Duration::from_millis(200 << attempt.min(16)))).await;
    }
    for record in records {
        give_up(world, &record["dynamodb"]["Keys"].to_string());
    }
}

/// A message of a queue, until it is done or given up.
fn queued(world: &Arc<World>, queue: &'static Queue, body: &str, delay: u64) {
    let World { cloud, .. } = &**world;
    let copies = if cloud.faults.one_in(10, &cloud.chance) { 2 } else { 1 };
    for _ in 0..copies {
        let (task, body) = (world.clone(), body.to_owned());
        drop(world.spawn("a message of a queue", async move {
            sleep(Duration::from_secs(delay)).await;
            task.cloud.chance.pause(0..=2_000).await;
            for receipt in 1..=queue.receipts {
                let event = queue_event(queue.name, &body, receipt);
                task.cloud.trace.note(format!("the queue of {} brings {body}, receipt {receipt}", queue.name));
                let done = match queue.name {
                    "reminders" => task.process(event).await,
                    "repairs" => task.outbox(event).await.is_some_and(|failed| failed.is_empty()),
                    other => panic!("nobody reads the queue of {other}"),
                };
                if done {
                    return Some(());
                }
                sleep(queue.visibility).await;
            }
            give_up(&task, &body);
            Some(())
        }));
    }
}

pub(crate) fn queue_event(queue: &str, body: &str, receipt: u64) -> Value {
    json!({"Records": [{
        "messageId": "1", "receiptHandle": "1", "body": body, "md5OfBody": "", "messageAttributes": {},
        "attributes": {"ApproximateReceiveCount": receipt.to_string()},
        "eventSource": "aws:sqs", "eventSourceARN": format!("arn:aws:sqs:us-east-1:1:{queue}"), "awsRegion": "us-east-1"
    }]})
}

pub(crate) fn upload_event(key: &str) -> Value {
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2025-09-05T01:05:03.123Z", "eventName": "ObjectCreated:Put", "userIdentity": {},
        "requestParameters": {}, "responseElements": {},
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": "bucket"}, "object": {"key": key}}
    }]})
}

/// What S3 says of an upload: as a rule once, and each time tried up to three times.
fn uploaded(world: &Arc<World>, key: &str) {
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
                task.cloud.trace.note(format!("S3 says that {key} is there"));
                if task.process(event.clone()).await {
                    break;
                }
                // Given up at last, it is left to the file's reminder.
                sleep(Duration::from_mins(retry)).await;
            }
            Some(())
        }));
    }
}

fn give_up(world: &World, what: &str) {
    // Its members come in any order.
    world.cloud.trace.note(if what.contains(POISON) { "put aside: what is no message" } else { "given up: a message" });
    world.dead_letters.lock().unwrap_or_else(PoisonError::into_inner).push(what.to_owned());
}
