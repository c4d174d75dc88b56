//! The queues: deliver messages in batches, some of them twice, and again after a failure.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep};

use super::dead_letter;
use crate::world::World;

/// Settings of an SQS queue in the template.
pub(super) struct Queue {
    pub(super) name: &'static str,
    /// `VisibilityTimeout`: the pause before a message that failed is received again.
    visibility: Duration,
    /// When the queue gives up a message that fails.
    limit: Limit,
    /// `BatchSize`: the largest number of messages of one invocation.
    batch_size: usize,
}

enum Limit {
    /// `maxReceiveCount`: after this many failed receives, a message goes to the dead-letter queue.
    Receives(u64),
    /// `MessageRetentionPeriod`: after this time, a message is dropped. The queue has no dead-letter queue.
    Age(Duration),
}

pub(super) const QUEUES: [Queue; 3] = [
    Queue {
        name: "notifications",
        visibility: Duration::from_mins(2),
        limit: Limit::Age(Duration::from_hours(1)),
        batch_size: 1,
    },
    Queue { name: "reminders", visibility: Duration::from_mins(12), limit: Limit::Receives(50), batch_size: 1 },
    Queue { name: "repairs", visibility: Duration::from_mins(1), limit: Limit::Receives(30), batch_size: 10 },
];

/// A message that can be received. `receives` counts the earlier, failed receives.
struct Message {
    body: String,
    sent: Instant,
    receives: u64,
}

/// Puts messages into a queue, where they can be received immediately.
#[derive(Clone)]
pub(super) struct Sender(UnboundedSender<Message>);

/// Starts to deliver the messages of a queue. Messages that wait at the same time are delivered in one batch.
pub(super) fn start_queue(world: &Arc<World>, queue: &'static Queue) -> Sender {
    let (sender, mut messages) = unbounded_channel();
    let (task, again) = (world.clone(), Sender(sender.clone()));
    drop(world.spawn("a queue", async move {
        while let Some(message) = messages.recv().await {
            let mut batch = vec![message];
            task.cloud.chance.pause(0..=2_000).await;
            let most = task.cloud.chance.index(queue.batch_size) + 1;
            while batch.len() < most
                && let Ok(message) = messages.try_recv()
            {
                batch.push(message);
            }
            let (world, again) = (task.clone(), again.clone());
            drop(task.spawn("a batch of a queue", async move {
                deliver_batch(&world, queue, batch, &again).await;
                Some(())
            }));
        }
        Some(())
    }));
    Sender(sender)
}

/// Puts a message into a queue, sometimes as two copies, after a delay.
pub(super) fn deliver_message(world: &Arc<World>, queue: &Sender, body: &str, delay: Duration) {
    let World { cloud, .. } = &**world;
    let copies = if cloud.faults.one_in(10, &cloud.chance) { 2 } else { 1 };
    for _ in 0..copies {
        put_later(world, queue, Message { body: body.to_owned(), sent: Instant::now(), receives: 0 }, delay);
    }
}

fn put_later(world: &Arc<World>, queue: &Sender, message: Message, delay: Duration) {
    let queue = queue.clone();
    drop(world.spawn("a message of a queue", async move {
        sleep(delay).await;
        // Sending fails only after the end of the history.
        queue.0.send(message).ok()
    }));
}

/// Delivers a batch of messages once. Those that failed become visible again, or go to the dead-letter queue.
async fn deliver_batch(world: &Arc<World>, queue: &'static Queue, batch: Vec<Message>, again: &Sender) {
    let records = batch.iter().enumerate().map(|(n, message)| {
        world.cloud.trace.note(format!("the queue {} delivers {}", queue.name, message.body));
        record(queue.name, &n.to_string(), &message.body, message.receives + 1)
    });
    let event = json!({"Records": records.collect::<Vec<_>>()});
    let failed: Option<Vec<String>> = match queue.name {
        "notifications" => {
            let Message { body, receives, .. } = &batch[0];
            world.push_send(body, receives + 1, event).await.then(Vec::new)
        }
        "reminders" => world.files_process(event).await.then(Vec::new),
        "repairs" => world.chat_stream(event).await,
        other => panic!("no function is triggered by the queue {other}"),
    };
    for (n, message) in batch.into_iter().enumerate() {
        let has_failed = failed.as_ref().is_none_or(|failed| failed.contains(&n.to_string()));
        let is_given_up = has_failed
            && match queue.limit {
                Limit::Receives(most) => message.receives + 1 == most,
                Limit::Age(longest) => message.sent.elapsed() + queue.visibility > longest,
            };
        match queue.limit {
            _ if has_failed && !is_given_up => {
                put_later(world, again, Message { receives: message.receives + 1, ..message }, queue.visibility);
            }
            Limit::Receives(_) if has_failed => dead_letter(world, &message.body),
            Limit::Age(_) if has_failed => world.problem("a request to notify was lost"),
            Limit::Age(_) => world.cloud.notifications.end_request(&message.body),
            Limit::Receives(_) => {}
        }
    }
}

fn record(queue: &str, id: &str, body: &str, receive: u64) -> Value {
    json!({
        "messageId": id, "receiptHandle": id, "body": body, "md5OfBody": "", "messageAttributes": {},
        "attributes": {"ApproximateReceiveCount": receive.to_string()},
        "eventSource": "aws:sqs", "eventSourceARN": format!("arn:aws:sqs:us-east-1:1:{queue}"), "awsRegion": "us-east-1"
    })
}

/// Returns a Lambda event with one queue message that is received for the first time.
pub(crate) fn queue_event(queue: &str, body: &str) -> Value {
    json!({"Records": [record(queue, "1", body, 1)]})
}
