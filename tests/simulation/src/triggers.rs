//! Simulated event sources that invoke functions: the stream of the `Chat` table, the queues and the bucket. The stream
//! and the queues deliver each event at least once, partly out of order. S3's events may also get lost.

mod queue;
mod shard;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;

pub(crate) use self::queue::queue_event;
use self::queue::{QUEUES, deliver_message, start_queue};
pub(crate) use self::shard::is_poison;
use self::shard::start_shard;
use crate::cloud::Consequence;
use crate::world::World;

/// Delivers the events that AWS calls cause, until the history is over.
pub(crate) async fn run(world: Arc<World>, mut consequences: UnboundedReceiver<Consequence>) {
    let shards: Vec<_> = (0..=world.cloud.chance.index(2)).map(|_| start_shard(&world)).collect();
    let queues: HashMap<_, _> = QUEUES.iter().map(|queue| (queue.name, start_queue(&world, queue))).collect();
    // A stream keeps the order only of records of the same row. So all records of a row go to one shard, chosen at
    // random.
    let mut shard_of: HashMap<String, usize> = HashMap::new();
    while let Some(consequence) = consequences.recv().await {
        match consequence {
            Consequence::Changed(record) => {
                let key = record["dynamodb"]["Keys"].to_string();
                let shard = *shard_of.entry(key).or_insert_with(|| world.cloud.chance.index(shards.len()));
                shards[shard].send(record).unwrap();
            }
            Consequence::Uploaded(key) => deliver_upload(&world, &key),
            Consequence::Queued { queue, body, .. } if queue == "dead-letters" => dead_letter(&world, &body),
            Consequence::Queued { queue, body, delay } => {
                let queue = queues.get(queue.as_str()).expect("QUEUES lacks a queue of the template");
                deliver_message(&world, queue, &body, Duration::from_secs(delay));
            }
        }
    }
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
    let kind = if is_poison(body) { "a malformed record" } else { "a message" };
    world.cloud.trace.note(format!("the dead-letter queue receives {kind}"));
    world.dead_letters.lock().unwrap_or_else(PoisonError::into_inner).push(body.to_owned());
}
