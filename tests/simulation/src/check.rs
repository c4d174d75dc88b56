//! What has to hold, whatever went wrong.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use contract::Timestamp;
use serde_json::{Value, json};

use crate::client::Client;
use crate::sender::Sender;
use crate::triggers::POISON;
use crate::world::World;
use testkit::engine::{self, CHAT, CONNECTIONS};

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name]["S"].as_str().unwrap_or_default()
}

fn number(row: &Value, name: &str) -> u64 {
    row[name]["N"].as_str().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Once nothing is under way any more, with whoever listens still listening.
pub(crate) fn everything_arrived(world: &World, clients: &[Arc<Client>], senders: &[Arc<Sender>]) {
    let rows = engine::rows(&world.cloud.database, CHAT);
    let of = |prefix: &str| rows.iter().filter(move |row| text(row, "sk").starts_with(prefix)).collect::<Vec<_>>();
    let mut threads: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for message in of("MSG#") {
        threads.entry(text(message, "threadId")).or_default().push(message);
    }
    let mut bodies: HashMap<&str, usize> = HashMap::new();
    for (thread, messages) in &mut threads {
        messages.sort_by_key(|message| number(message, "seq"));
        let seqs: Vec<_> = messages.iter().map(|message| number(message, "seq")).collect();
        if !seqs.iter().copied().eq(1..=seqs.len() as u64) {
            world.problem(format!("{thread} has the messages {seqs:?}"));
        }
        for message in messages.iter() {
            *bodies.entry(text(message, "body")).or_default() += 1;
            if let Some(left) = message.get("undelivered") {
                world.problem(format!("message {} of {thread} is undelivered: {left}", number(message, "seq")));
            }
        }
    }
    for (body, times) in bodies.into_iter().filter(|(_, times)| *times > 1) {
        world.problem(format!("{} is stored {times} times", body.trim_end_matches('\u{1}')));
    }
    for sender in senders {
        for one in sender.acknowledged().iter() {
            let message = threads.get(one.thread.as_str()).into_iter().flatten();
            let stored = message.filter(|row| content(row) == shown(&one.message)).count();
            if stored != 1 {
                world.problem(format!("{} was acknowledged, and is stored {stored} times", one.message["body"]));
            }
        }
    }
    for thread in &world.threads {
        let none = Vec::new();
        let messages = threads.get(thread.id.as_str()).unwrap_or(&none);
        projection(world, thread.id.as_str(), &rows, messages.last().copied());
        let contents: Vec<_> = messages.iter().map(|message| content(message)).collect();
        for client in clients {
            client.lacks(&thread.id, &contents).into_iter().for_each(|lack| world.problem(lack));
        }
    }
    let files: HashMap<_, _> = of("META").into_iter().map(|row| (text(row, "id"), text(row, "status"))).collect();
    for file in files.iter().filter(|(_, status)| **status == "pending") {
        world.problem(format!("{} is pending for ever", file.0));
    }
    for client in clients {
        client.mistaken(|id| files[id].to_owned()).into_iter().for_each(|mistake| world.problem(mistake));
    }
    let dead = world.dead_letters.lock().unwrap_or_else(PoisonError::into_inner);
    let (poison, rest): (Vec<_>, Vec<_>) = dead.iter().partition(|letter| letter.contains(POISON));
    if poison.len() < world.poisoned.load(Ordering::Relaxed) {
        world.problem("what is no message was not put aside");
    }
    for letter in rest {
        world.problem(format!("{letter} was given up"));
    }
}

/// What makes a message, as it is stored.
fn content(row: &Value) -> Value {
    let files = row["fileIds"]["L"].as_array().into_iter().flatten().map(|id| &id["S"]);
    json!([row["id"]["S"], number(row, "seq"), row["authorId"]["S"], row["body"]["S"], files.collect::<Vec<_>>()])
}

/// The same, as clients see it.
pub(crate) fn shown(message: &Value) -> Value {
    let files = message["attachments"].as_array().into_iter().flatten().map(|file| &file["id"]);
    let author = &message["author"]["id"];
    json!([message["id"], message["seq"], author, message["body"], files.collect::<Vec<_>>()])
}

/// The thread's row says what its last message says.
fn projection(world: &World, thread: &str, rows: &[Value], last: Option<&Value>) {
    let meta = rows.iter().find(|row| text(row, "sk") == "META" && text(row, "id") == thread).unwrap();
    let (seq, id) = last.map_or((0, ""), |last| (number(last, "seq"), text(last, "id")));
    let projected = meta["lastMessage"]["M"]["id"]["S"].as_str().unwrap_or_default();
    if number(meta, "lastSeq") != seq || projected != id {
        world.problem(format!("{thread} ends with {}, not with {seq}", number(meta, "lastSeq")));
    }
}

/// Once every connection that heard a thread was found gone.
pub(crate) fn no_subscription_is_left(world: &World) {
    for row in engine::rows(&world.cloud.database, CONNECTIONS) {
        if text(&row, "pk").starts_with("CHANNEL#thread:") {
            world.problem(format!("{} is left of a connection that was found gone", key(&row)));
        }
    }
}

/// Once the time of every connection is over. (A removal that was cut short is taken up again where something is
/// delivered; elsewhere, TTL is the end of it.)
pub(crate) fn only_ttl_is_left_to_do(world: &World) {
    for row in engine::rows(&world.cloud.database, CONNECTIONS) {
        if !(1..Timestamp::now().seconds().unsigned_abs()).contains(&number(&row, "expiresAt")) {
            world.problem(format!("{} is left for ever", key(&row)));
        }
    }
}

fn key(row: &Value) -> Value {
    json!([text(row, "pk"), text(row, "sk")])
}
