//! Users who change messages: they edit, delete and react, several of them at once.

use std::sync::Arc;
use std::time::Duration;

use contract::Message;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::content::parse;
use crate::journal::Target;
use crate::sender::too_long;
use crate::stream;
use crate::world::{Received, World};

const EMOJIS: [&str; 3] = ["👍", "❤️", "😂"];

/// A request to change a message.
enum Change {
    Edit(String),
    Delete,
    React(&'static str),
    Unreact,
}

/// Picks a message, or waits up to 3 s for a new one. Then sends one to three changes of this message at the same time.
/// Each change is by one of `users` who is a member; one user may send several, as if from several devices. Returns
/// false if no message was sent yet.
pub(crate) async fn change_a_message(world: &Arc<World>, users: &[&'static str]) -> bool {
    let chance = &world.cloud.chance;
    let journal = &world.cloud.journal;
    let target = if chance.one_in(3) {
        // A client may receive the change of a new message before the message.
        journal.next_commit(Duration::from_secs(3)).await
    } else {
        journal.pick(chance, None)
    };
    let Some(message) = target else { return false };
    let thread = message.thread.as_str();
    let members: Vec<_> = users.iter().copied().filter(|user| world.is_member(user, thread)).collect();
    let changes: Vec<_> = (0..chance.number(1..=3))
        .map(|_| *chance.pick(&members))
        .map(|user| (user, pick(world, user, &message)))
        .collect();
    join_all(changes.iter().map(|(user, change)| send(world, user, &message, change))).await;
    true
}

fn pick(world: &World, user: &str, message: &Target) -> Change {
    let chance = &world.cloud.chance;
    // Sometimes somebody else than the author tries to edit or delete the message.
    let is_author = message.author == user;
    let kinds: &[u64] = match &message.sent {
        _ if !is_author => &[0, 1, 2, 2, 2, 2, 3, 3],
        // As long as no 201 has arrived, the author may still repeat the request, which contains the text. So the
        // message is not deleted: after a deletion, no call may contain the text.
        None => &[0, 0, 2, 3],
        Some(sent) if sent.attachments.is_empty() => &[0, 0, 0, 1, 1, 2, 3],
        Some(_) => &[0, 1, 1, 1, 2],
    };
    match chance.pick(kinds) {
        0 => Change::Edit(world.cloud.journal.new_text(user) + &too_long(chance)),
        1 => Change::Delete,
        2 => Change::React(chance.pick::<&str>(&EMOJIS)),
        _ => Change::Unreact,
    }
}

/// Sends a change until it gets an answer other than 429 and 503. At random, one of five changes is sent only once, and
/// one of five is sent once more after the answer 200.
async fn send(world: &Arc<World>, user: &'static str, message: &Target, change: &Change) {
    let random = &world.cloud.chance;
    let Target { thread, seq, author, .. } = message;
    let is_own = author == user;
    let (start, gives_up, mut repeats) = (Instant::now(), random.one_in(5), random.one_in(5));
    while start.elapsed() < Duration::from_hours(1) {
        let (received, of_author): (Received, bool) = match change {
            Change::Edit(body) => (world.edit(user, thread, *seq, body).await, true),
            Change::Delete => (world.delete(user, thread, *seq).await, true),
            Change::React(emoji) => (world.add_reaction(user, thread, *seq, emoji).await, false),
            Change::Unreact => (world.remove_reaction(user, thread, *seq).await, false),
        };
        match received {
            Some((200, answer)) if is_own || !of_author => {
                acknowledge(world, user, message, change, &answer).await;
                if !repeats {
                    return;
                }
                repeats = false;
            }
            Some((409, _)) if matches!(change, Change::Edit(_) | Change::React(_)) => {
                if !world.cloud.journal.is_deleted(thread, *seq) {
                    world.problem(format!("message {seq} of {thread} was answered as deleted"));
                }
                return;
            }
            Some((403, _)) if of_author && !is_own => return,
            None | Some((429 | 503, _)) if gives_up => return,
            None | Some((429 | 503, _)) => random.pause(50..=1_000).await,
            Some((status, _)) => {
                return world
                    .problem(format!("a change of {user} to message {seq} of {thread} got the status {status}"));
            }
        }
    }
    world.problem("a change got no final response within an hour");
}

/// Checks the answer to a change: its message contains the change, and equals a version that the table has had. After a
/// deletion, also checks that no file is served that only this message used.
async fn acknowledge(world: &Arc<World>, user: &str, message: &Target, change: &Change, answer: &Value) {
    let journal = &world.cloud.journal;
    let changed: Message = parse(answer);
    let (thread, seq) = (&message.thread, message.seq);
    let reacts = |emoji: Option<&str>| {
        let own = changed.reactions.iter().filter(|reaction| reaction.user_ids.iter().any(|id| id.as_str() == user));
        own.map(|reaction| reaction.emoji.as_str()).eq(emoji)
    };
    let is_changed = match change {
        Change::Edit(body) => changed.body == *body && changed.edited_at.is_some(),
        Change::Delete => changed.deleted_at.is_some() && changed.body.is_empty(),
        Change::React(emoji) => reacts(Some(emoji)),
        Change::Unreact => reacts(None),
    };
    if !is_changed || (&changed.thread_id, changed.seq) != (thread, seq) {
        world.problem(format!("the answer to a change of message {seq} of {thread} does not have the change"));
    }
    if let Some(problem) = journal.wrong_copy(&changed) {
        world.problem(problem);
    }
    if matches!(change, Change::Delete) {
        journal.acknowledge_deleted(thread, seq);
        for file in message.sent.iter().flat_map(|sent| &sent.attachments) {
            let key = json!({"pk": {"S": format!("FILE#{}", file.id)}, "sk": {"S": "META"}});
            let is_used = stream::row(&world.cloud.database, &key).is_some_and(|row| row.get("uses").is_some());
            if !is_used {
                let links: Vec<_> = file.thumb_url.iter().chain([&file.url]).cloned().collect();
                check_not_served(world, user, file.id.as_str(), &links).await;
            }
        }
    }
}

/// Checks that the status and the links of a file that neither a message nor a profile uses are answered with 404.
/// `links` have valid signatures.
pub(crate) async fn check_not_served(world: &Arc<World>, user: &str, file: &str, links: &[String]) {
    let mut answers = vec![world.status(user, file).await];
    for link in links {
        answers.push(world.serve(link).await);
    }
    for (status, _) in answers.into_iter().flatten().filter(|(status, _)| !matches!(status, 404 | 503)) {
        world.problem(format!("{file} of a deleted message was answered with {status}"));
    }
}
