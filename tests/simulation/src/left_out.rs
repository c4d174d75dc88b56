//! Checks to which connections chat-stream pushes `thread:updated` of new messages: to all that are subscribed to the
//! inbox of a member, except those that have received the messages as `message:new`.

use std::collections::BTreeMap;

use contract::Timestamp;
use serde_json::{Value, json};
use testkit::engine::{self, CONNECTIONS};

use crate::content::{number, text};
use crate::stream;
use crate::triggers::is_poison;
use crate::world::World;

/// If a subscription to a thread is more than this many seconds older than a message, its connection must not receive
/// `thread:updated` of the message. chat-stream itself compares with fewer seconds, but the functions' clocks differ.
const OLD: i64 = 15;

/// The connections that are subscribed to an inbox, as read before an invocation of chat-stream.
pub(crate) struct Inboxes {
    open: Vec<Inbox>,
    /// The threads of which all messages in the batch are delivered, with the time at which the oldest of these
    /// messages was created, in seconds since 1970.
    delivered: BTreeMap<String, i64>,
    /// Number of repairs that were requested before the invocation.
    repairs: usize,
}

struct Inbox {
    connection: String,
    user: String,
    /// For each thread that the connection is subscribed to: the time of the subscription in seconds since 1970, and
    /// the number of `thread:updated` events of new messages that the connection has received.
    viewed: BTreeMap<String, (i64, usize)>,
}

/// Returns the threads and numbers of the messages in `records`.
pub(crate) fn messages(records: &[Value]) -> impl Iterator<Item = (&str, u64, &Value)> {
    let images = records.iter().map(|record| &record["dynamodb"]["NewImage"]);
    let images = images.filter(|image| text(image, "sk").starts_with("MSG#") && !is_poison(&image.to_string()));
    images.map(|image| (text(image, "threadId"), number(image, "seq"), image))
}

impl Inboxes {
    /// Reads the connections that are subscribed to an inbox. Leaves out connections that expire within 30 seconds,
    /// because chat-stream's clock differs and may already take them for expired. Returns `None` if `records` have no
    /// message.
    pub(crate) fn read(world: &World, records: &[Value]) -> Option<Self> {
        messages(records).next()?;
        let soon = Timestamp::now().seconds().unsigned_abs() + 30;
        let rows = engine::rows(&world.cloud.database, CONNECTIONS);
        let viewed = |connection: &str| {
            let rows = rows.iter().filter(|row| text(row, "connectionId") == connection);
            let threads = rows.filter_map(|row| {
                let thread = text(row, "pk").strip_prefix("CHANNEL#thread:")?;
                let updates = world.cloud.gateway.updates(connection, thread);
                Some((thread.to_owned(), (number(row, "subscribedAt").cast_signed(), updates)))
            });
            threads.collect()
        };
        let open = rows.iter().filter(|row| row["inbox"]["BOOL"] == true && number(row, "expiresAt") > soon);
        let open = open.map(|row| {
            let connection = text(row, "connectionId").to_owned();
            Inbox { viewed: viewed(&connection), connection, user: text(row, "userId").to_owned() }
        });
        let (delivered, repairs) = (delivered(world, records), world.cloud.repairs().len());
        Some(Self { open: open.collect(), delivered, repairs })
    }

    /// Checks after the invocation that each connection of a member was told of the messages in `records`, or will be
    /// told by a requested repair of the announcement.
    pub(crate) fn check(&self, world: &World, records: &[Value]) {
        for (thread, seq, _) in messages(records) {
            let announcements: Vec<Value> = {
                let repairs = world.cloud.repairs();
                let repairs = repairs[self.repairs..].iter().map(|body| serde_json::from_str(body).unwrap());
                repairs.filter(|repair| is_update(repair, thread)).collect()
            };
            let is_repaired = |id: &str| {
                announcements
                    .iter()
                    .map(|repair| &repair["connections"])
                    .any(|connections| connections.as_array().is_none_or(|ids| ids.contains(&json!(id))))
            };
            for Inbox { connection, user, .. } in &self.open {
                let told = || world.cloud.gateway.knows(connection, thread, seq) || is_repaired(connection);
                if world.is_member(user, thread) && !told() {
                    world.problem(format!("{connection} was told nothing of message {seq} of {thread}"));
                }
            }
        }
        self.check_viewers(world);
    }

    /// Checks that no connection received `thread:updated` of messages that it had certainly received as `message:new`.
    /// Does not check a thread if a repair of its announcement was ever requested, because the repair may push
    /// `thread:updated` at the same time.
    fn check_viewers(&self, world: &World) {
        for (thread, first) in &self.delivered {
            let is_repaired = |body: &String| is_update(&serde_json::from_str(body).unwrap(), thread);
            if world.cloud.repairs().iter().any(is_repaired) {
                continue;
            }
            for Inbox { connection, viewed, .. } in &self.open {
                let is_new = |(since, updates): &(i64, usize)| {
                    since + OLD < *first && world.cloud.gateway.updates(connection, thread) > *updates
                };
                if viewed.get(thread).is_some_and(is_new) {
                    world.problem(format!("{connection} was told twice of a message of {thread}"));
                }
            }
        }
    }
}

/// Returns the threads of which all messages in the batch are delivered, with the time at which the oldest of these
/// messages was created, in seconds since 1970.
fn delivered(world: &World, records: &[Value]) -> BTreeMap<String, i64> {
    let mut threads: BTreeMap<String, Option<i64>> = BTreeMap::new();
    for (thread, _, image) in messages(records) {
        let row = stream::row(&world.cloud.database, &json!({"pk": image["pk"], "sk": image["sk"]}));
        let time = row.filter(|row| row.get("undelivered").is_none());
        let time = time.and_then(|row| Timestamp::parse(text(&row, "createdAt")).map(Timestamp::seconds));
        let oldest = threads.entry(thread.to_owned()).or_insert(time);
        *oldest = oldest.zip(time).map(|(oldest, time)| oldest.min(time));
    }
    threads.into_iter().filter_map(|(thread, oldest)| Some((thread, oldest?))).collect()
}

/// Returns whether a repair delivers a `thread:updated` of the given thread again.
fn is_update(repair: &Value, thread: &str) -> bool {
    repair["announcement"]["event"] == "thread:updated" && repair["announcement"]["threadId"] == thread
}
