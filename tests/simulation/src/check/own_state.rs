//! The invariants of what belongs to each member: read marks, settings, lists of threads, and the directory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use contract::ThreadId;
use serde_json::Value;
use testkit::engine::{self, CHAT};

use super::Rows;
use crate::client::{Client, Entry, Inbox};
use crate::content::{Preview, number, preview_of_row, text};
use crate::world::World;

/// Checks read marks, settings and the lists of threads that clients show. Call it while the clients that stay to the end
/// are still connected.
pub(super) fn own_states_are_current(world: &World, clients: &[Arc<Client>], of_chat: &Rows) {
    let rows = engine::rows(&world.cloud.database, CHAT);
    let threads: HashMap<&str, &Value> =
        rows.iter().filter(|row| text(row, "sk") == "META").map(|row| (text(row, "id"), row)).collect();
    let mut sent: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut last: HashMap<&str, u64> = HashMap::new();
    for row in rows.iter().filter(|row| text(row, "sk").starts_with("MSG#")) {
        let (thread, seq) = (text(row, "threadId"), number(row, "seq"));
        let own = sent.entry((text(row, "authorId"), thread)).or_default();
        *own = seq.max(*own);
        let end = last.entry(thread).or_default();
        *end = seq.max(*end);
    }
    let mut inboxes: HashMap<&str, Inbox> = HashMap::new();
    for row in rows.iter().filter(|row| text(row, "pk").starts_with("USER#") && text(row, "sk").starts_with("THREAD#"))
    {
        let (user, thread) = (&text(row, "pk")["USER#".len()..], text(row, "threadId"));
        let Some(meta) = threads.get(thread).filter(|_| world.is_member(user, thread)) else {
            world.problem(format!("there is a membership of {user} in {}, which has no such member", text(row, "sk")));
            continue;
        };
        let mark = number(row, "readSeq");
        if mark > last.get(thread).copied().unwrap_or(0) {
            world.problem(format!("{user} has read up to {mark} in {thread}, which is beyond the end"));
        }
        let own = sent.get(&(user, thread)).copied().unwrap_or(0);
        if mark < own {
            world.problem(format!("{user} has read up to {mark} in {thread}, but wrote message {own}"));
        }
        let (last_seq, updated_at) = (number(meta, "lastSeq"), contract::Timestamp::parse(text(meta, "updatedAt")));
        let archived = row["archived"]["BOOL"] == true;
        let preview = of_chat.messages_of(thread).last().map(|last| Preview {
            order: (number(last, "seq"), number(last, "rev")),
            content: preview_of_row(last, &of_chat.files),
        });
        let preview = preview.unwrap_or_default();
        let entry = Entry { last_seq, updated_at: updated_at.unwrap(), read_seq: mark, archived, preview };
        inboxes.entry(user).or_default().insert(ThreadId::parse(thread).unwrap(), entry);
    }
    let of = |user: &str, thread: &ThreadId| inboxes.get(user).and_then(|inbox| inbox.get(thread));
    for ((user, thread), mark) in world.marks.all_acknowledged() {
        let stored = of(user, &thread).map_or(0, |entry| entry.read_seq);
        if stored < mark {
            world.problem(format!("{user} was told a read mark of {mark} in {thread}, but it is {stored}"));
        }
    }
    for (user, thread) in world.marks.archived() {
        if of(user, &thread).is_none_or(|entry| !entry.archived) {
            world.problem(format!("the answer to {user} said that {thread} is archived, but it is not"));
        }
    }
    for client in clients {
        if let Some(problem) = client.wrong_inbox(inboxes.get(client.user()).unwrap_or(&Inbox::new())) {
            world.problem(problem);
        }
    }
}

/// Checks that the directory has every user who has a profile, with the profile's name and picture. A profile without a
/// name matches any name: functions write a name to the directory first. If the write to the profile then fails, the
/// user's next call repeats it.
pub(crate) fn directory_is_complete(world: &World) {
    let rows = engine::rows(&world.cloud.database, CHAT);
    let people = rows.iter().filter(|row| text(row, "pk") == "PEOPLE");
    let people: HashMap<_, _> =
        people.map(|row| (text(row, "id"), (text(row, "name"), text(row, "avatarFileId")))).collect();
    for profile in rows.iter().filter(|row| text(row, "sk") == "PROFILE") {
        let (id, name, picture) = (text(profile, "id"), text(profile, "name"), text(profile, "avatarFileId"));
        if !people.get(id).is_some_and(|listed| (name.is_empty() || listed.0 == name) && listed.1 == picture) {
            let stored = (name, picture);
            world.problem(format!("the directory has {id} as {:?}, the profile as {stored:?}", people.get(id)));
        }
    }
}
