//! The invariants: what must hold at the end of a history, no matter which faults occurred.

mod changes;
mod notifications;
mod own_state;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use contract::Timestamp;
use serde_json::{Value, json};
use testkit::engine::{self, CHAT, CONNECTIONS};

use self::changes::changes_are_complete;
pub(crate) use self::changes::erased_files_are_gone;
pub(crate) use self::notifications::everybody_was_notified;
pub(crate) use self::own_state::directory_is_complete;
use self::own_state::own_states_are_current;
use crate::client::Client;
use crate::content::{self, number, preview_of_projection, preview_of_row, text};
use crate::flood::Flood;
use crate::sender::Sender;
use crate::triggers::is_poison;
use crate::world::World;

/// Rows of the `Chat` table, grouped by kind.
struct Rows<'a> {
    /// Messages of each thread, sorted by `seq`.
    messages: BTreeMap<&'a str, Vec<&'a Value>>,
    threads: HashMap<&'a str, &'a Value>,
    files: HashMap<&'a str, &'a Value>,
}

impl<'a> Rows<'a> {
    fn of(rows: &'a [Value]) -> Self {
        let meta = |prefix: &'static str| {
            let rows = rows.iter().filter(move |row| text(row, "pk").starts_with(prefix) && text(row, "sk") == "META");
            rows.map(|row| (text(row, "id"), row)).collect()
        };
        let mut messages: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for row in rows.iter().filter(|row| text(row, "sk").starts_with("MSG#")) {
            messages.entry(text(row, "threadId")).or_default().push(row);
        }
        for rows in messages.values_mut() {
            rows.sort_by_key(|row| number(row, "seq"));
        }
        Self { messages, threads: meta("THREAD#"), files: meta("FILE#") }
    }

    fn messages_of(&self, thread: &str) -> &[&'a Value] {
        self.messages.get(thread).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Checks that everything was stored and delivered. Call it after faults have ended and all retries are done, while the
/// clients that stay to the end are still connected.
pub(crate) fn everything_arrived(world: &World, clients: &[Arc<Client>], senders: &[Arc<Sender>]) {
    let all = engine::rows(&world.cloud.database, CHAT);
    let rows = Rows::of(&all);
    messages_are_complete(world, &rows);
    changes_are_complete(world, &all, &rows);
    acknowledged_messages_are_stored(world, &rows, senders);
    for thread in &world.threads() {
        let messages = rows.messages_of(thread.id.as_str());
        projection_is_current(world, thread.id.as_str(), &rows, messages.last().copied());
        let contents =
            messages.iter().map(|row| (content::of_row(row), content::joined_of_row(row, &rows.files, messages)));
        let contents: Vec<_> = contents.collect();
        for client in clients {
            if let Some(problem) = client.wrong_messages(&thread.id, &contents) {
                world.problem(problem);
            }
        }
    }
    for (id, _) in rows.files.iter().filter(|(_, row)| text(row, "status") == "pending") {
        world.problem(format!("{id} is still pending"));
    }
    for (id, row) in &rows.files {
        for published in ["original", "thumbnail"].map(|name| row[name]["S"].as_str()).into_iter().flatten() {
            if !published.contains(&format!("/{id}/")) || !world.cloud.objects().contains_key(published) {
                world.problem(format!("{id} is published as {published}, which is not an object of this file"));
            }
        }
    }
    for client in clients {
        let status = |id: &str| Some(text(rows.files[id], "status")).filter(|_| !is_erased(rows.files[id]));
        for problem in client.wrong_file_statuses(status) {
            world.problem(problem);
        }
    }
    own_states_are_current(world, clients, &rows);
    only_poison_is_dead(world);
}

/// Checks that a flood did not store more messages than the rate allows.
pub(crate) fn rate_is_kept(world: &World, flood: &Flood) {
    let rows = engine::rows(&world.cloud.database, CHAT);
    flood.check(rows.iter().filter(|row| text(row, "sk").starts_with("MSG#")));
}

/// Checks that the policies in template.yaml allow all calls that the functions made to the tables.
pub(crate) fn all_calls_were_allowed(world: &World) {
    for denial in world.cloud.denied() {
        world.problem(denial);
    }
}

/// Checks that `seq` has no gaps in any thread, that no message body is stored twice and that no message has the
/// undelivered flag.
fn messages_are_complete(world: &World, rows: &Rows) {
    let mut bodies: HashMap<&str, usize> = HashMap::new();
    for (thread, messages) in &rows.messages {
        let seqs: Vec<_> = messages.iter().map(|row| number(row, "seq")).collect();
        if !seqs.iter().copied().eq(1..=seqs.len() as u64) {
            world.problem(format!("{thread} has messages with the seqs {seqs:?}"));
        }
        for row in messages {
            // A deleted message has an empty body.
            if !text(row, "body").is_empty() {
                *bodies.entry(text(row, "body")).or_default() += 1;
            }
            if let Some(flag) = row.get("undelivered") {
                world.problem(format!("message {} of {thread} is still undelivered: {flag}", number(row, "seq")));
            }
        }
    }
    for (body, times) in bodies.into_iter().filter(|(_, times)| *times > 1) {
        world.problem(format!("the message {:?} is stored {times} times", body.trim_end_matches('\u{1}')));
    }
}

fn acknowledged_messages_are_stored(world: &World, rows: &Rows, senders: &[Arc<Sender>]) {
    for sender in senders {
        for message in sender.acknowledged().iter() {
            let messages = rows.messages_of(message.thread_id.as_str()).iter();
            let times = messages.filter(|row| text(row, "id") == message.id.as_str()).count();
            if times != 1 {
                let body = message.body.trim_end_matches('\u{1}');
                world.problem(format!("the acknowledged message {body:?} is stored {times} times"));
            }
        }
    }
}

/// Checks that the row of `thread` has the `seq` of `last`, the thread's last message, and a preview of it with its
/// last change.
fn projection_is_current(world: &World, thread: &str, rows: &Rows, last: Option<&Value>) {
    let meta = rows.threads[thread];
    let seq = last.map_or(0, |last| number(last, "seq"));
    let time = last.map_or(text(meta, "createdAt"), |last| text(last, "createdAt"));
    if number(meta, "lastSeq") != seq || text(meta, "updatedAt") != time {
        world.problem(format!("the projection of {thread} has seq {}, not {seq}", number(meta, "lastSeq")));
    } else if let Some(last) = last {
        let (projected, stored) = (preview_of_projection(meta), preview_of_row(last, &rows.files));
        if projected != stored {
            world.problem(format!("the projection of {thread} shows {projected}, not {stored}"));
        }
    }
}

/// Checks that the dead-letter queue contains every malformed record and nothing else.
fn only_poison_is_dead(world: &World) {
    let dead = world.dead_letters.lock().unwrap_or_else(PoisonError::into_inner);
    let (poison, rest): (Vec<_>, Vec<_>) = dead.iter().partition(|letter| is_poison(letter));
    if poison.len() < world.poisoned.load(Ordering::Relaxed) {
        world.problem("a malformed record did not go to the dead-letter queue");
    }
    for letter in rest {
        world.problem(format!("{letter} went to the dead-letter queue"));
    }
}

/// Checks that every member of every thread has a profile, that is, has called.
pub(crate) fn members_are_known(world: &World) {
    let rows = engine::rows(&world.cloud.database, CHAT);
    let known: HashSet<_> = rows.iter().filter(|row| text(row, "sk") == "PROFILE").map(|row| text(row, "id")).collect();
    for thread in rows.iter().filter(|row| text(row, "pk").starts_with("THREAD#") && text(row, "sk") == "META") {
        let members = thread["memberIds"]["L"].as_array().into_iter().flatten().map(|id| id["S"].as_str());
        for member in members.filter(|id| id.is_none_or(|id| !known.contains(id))) {
            world.problem(format!("{} has the unknown member {member:?}", text(thread, "id")));
        }
    }
}

/// Checks that no subscription to a thread is left in the `Connections` table. Call it after all clients have left and
/// one more message was sent to each thread: the delivery of this message removes the subscriptions of closed
/// connections.
pub(crate) fn no_subscription_remains(world: &World) {
    for row in engine::rows(&world.cloud.database, CONNECTIONS) {
        if text(&row, "pk").starts_with("CHANNEL#thread:") {
            world.problem(format!("{} of a closed connection was not removed", key(&row)));
        }
    }
}

/// Checks that every remaining row of the `Connections` table has expired, so that TTL deletes it. Call it after the
/// end of every connection. Expired rows are allowed: a function may crash while it removes a connection's rows, and if
/// nothing is delivered to this connection later, only TTL removes the other rows.
pub(crate) fn remaining_rows_have_expired(world: &World) {
    for row in engine::rows(&world.cloud.database, CONNECTIONS) {
        if !(1..Timestamp::now().seconds().unsigned_abs()).contains(&number(&row, "expiresAt")) {
            world.problem(format!("{} has not expired", key(&row)));
        }
    }
}

/// Returns whether a file was used, and neither a message nor a profile uses it any more.
fn is_erased(file: &Value) -> bool {
    file["sent"]["BOOL"] == true && file.get("uses").is_none()
}

/// Returns a row's key, for the texts of problems.
fn key(row: &Value) -> Value {
    json!([text(row, "pk"), text(row, "sk")])
}
