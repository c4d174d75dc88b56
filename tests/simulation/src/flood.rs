//! A user who sends many more messages than the rate allows, over several instances of messages-send at once.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contract::ThreadId;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::content::text;
use crate::parts::MESSAGES_PER_MINUTE;
use crate::sender::Sender;
use crate::world::World;

/// Number of instances that send at the same time. Without the durable counter, each of them would send as many messages
/// as the rate allows.
const INSTANCES: u64 = 3;
/// Number of messages that each instance tries to send.
const ATTEMPTS: u64 = 2 * MESSAGES_PER_MINUTE;
/// By how many messages each instance may exceed the rate: 10 that it has not added to the durable counter, and one that
/// it counts in one minute and commits in the next.
const EXCESS: u64 = 11;

pub(crate) struct Flood {
    world: Arc<World>,
    sender: Arc<Sender>,
    thread: ThreadId,
    /// Number of instances that were used, including replacements of crashed ones.
    instances: AtomicU64,
    /// Bodies of the messages that were refused with 429.
    refused: Mutex<HashSet<String>>,
}

impl Flood {
    /// Creates the flood of `sender`'s user in `thread`. This user must send nothing else.
    pub(crate) fn new(world: &Arc<World>, sender: &Arc<Sender>, thread: &ThreadId) -> Arc<Self> {
        let (world, sender, thread) = (world.clone(), sender.clone(), thread.clone());
        Arc::new(Self { world, sender, thread, instances: AtomicU64::new(0), refused: Mutex::default() })
    }

    /// Sends the messages of all instances.
    pub(crate) async fn run(self: Arc<Self>) {
        join_all((0..INSTANCES).map(|instance| self.send_all(instance))).await;
    }

    /// Sends the messages of one instance, for at most 5 minutes. Then waits for the next minute and sends one more,
    /// which the instance must not refuse.
    async fn send_all(&self, instance: u64) {
        let start = Instant::now();
        let mut deps = self.new_instance();
        for n in 1..=ATTEMPTS {
            match self.send(&deps, format!("{} floods {instance} {n}.", self.sender.user)).await {
                Some(_) if start.elapsed() > Duration::from_mins(5) => break,
                Some(_) => {}
                None => deps = self.new_instance(),
            }
        }
        sleep(Duration::from_mins(1)).await;
        if self.send(&deps, format!("{} is sorry {instance}.", self.sender.user)).await == Some(429) {
            self.world.problem(format!("{} is still refused in the minute after the flood", self.sender.user));
        }
    }

    /// Sends a message on an instance. Returns the status, or `None` if the invocation crashed.
    async fn send(&self, instance: &messages_send::Deps, body: String) -> Option<u16> {
        let request = json!({"body": body});
        let (status, message) = self.world.send_on(instance, self.sender.user, &self.thread, request).await?;
        match status {
            201 => self.sender.acknowledge(&message),
            429 => _ = self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(body),
            _ => {}
        }
        Some(status)
    }

    fn new_instance(&self) -> messages_send::Deps {
        self.instances.fetch_add(1, Ordering::Relaxed);
        self.world.new_sender()
    }

    /// Checks that no minute has more messages of the user than the rate allows for this number of instances, and that
    /// no refused message is stored. `rows` are all rows of messages.
    pub(crate) fn check<'a>(&self, rows: impl Iterator<Item = &'a Value>) {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let mut minutes: BTreeMap<&str, u64> = BTreeMap::new();
        for row in rows.filter(|row| text(row, "authorId") == self.sender.user) {
            *minutes.entry(&text(row, "createdAt")[..16]).or_default() += 1;
            if refused.contains(text(row, "body")) {
                self.world.problem(format!("the refused message {:?} is stored", text(row, "body")));
            }
        }
        let instances = self.instances.load(Ordering::Relaxed);
        let allowed = MESSAGES_PER_MINUTE + EXCESS * instances;
        for (minute, messages) in minutes.into_iter().filter(|(_, messages)| *messages > allowed) {
            let user = self.sender.user;
            self.world.problem(format!("{user} sent {messages} messages in {minute}, on {instances} instances"));
        }
    }
}
