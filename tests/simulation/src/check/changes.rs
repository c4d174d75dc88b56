//! The invariants of changes to messages: revisions, erased texts, and the files of messages.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use contract::FileId;
use serde_json::Value;
use testkit::engine::{self, CHAT, CONNECTIONS};

use super::{Rows, is_erased};
use crate::changer::check_not_served;
use crate::content::{self, number, set, text};
use crate::world::World;

/// Checks changes to messages. `all` are all rows of the `Chat` table. Call it after faults have ended and all retries are
/// done.
pub(super) fn changes_are_complete(world: &World, all: &[Value], rows: &Rows) {
    revisions_are_complete(world, all, rows);
    past_texts_are_erased(world, all);
    hashes_of_changed_messages_are_erased(world, all);
    uses_are_those_of_messages_and_pictures(world, all, rows);
    objects_of_erased_files_are_deleted(world, rows);
}

/// Checks that `rev` has no gaps in any thread, that no change has two revisions, that the `rev` of each message is
/// that of its last revision, and that each stored message equals the version that its last revision wrote.
fn revisions_are_complete(world: &World, all: &[Value], rows: &Rows) {
    let mut revisions: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for row in all.iter().filter(|row| text(row, "sk").starts_with("REV#")) {
        revisions.entry(&text(row, "pk")["THREAD#".len()..]).or_default().push(row);
    }
    let mut last: HashMap<(&str, u64), u64> = HashMap::new();
    let mut changes = BTreeSet::new();
    for (thread, revisions) in &mut revisions {
        revisions.sort_by_key(|row| number(row, "rev"));
        let revs: Vec<_> = revisions.iter().map(|row| number(row, "rev")).collect();
        if !revs.iter().copied().eq(1..=revs.len() as u64) {
            world.problem(format!("{thread} has the revisions {revs:?}"));
        }
        for row in revisions {
            last.insert((thread, number(row, "seq")), number(row, "rev"));
            if !changes.insert(text(row, "changeId")) {
                world.problem(format!(
                    "revision {} of {thread} belongs to a change that already has a revision",
                    number(row, "rev")
                ));
            }
            if row.get("fileIds").is_some() {
                world.problem(format!("revision {} of {thread} still has files to erase", number(row, "rev")));
            }
        }
    }
    let versions = world.cloud.journal.last_versions();
    for row in rows.messages.values().flatten() {
        let (thread, seq, rev) = (text(row, "threadId"), number(row, "seq"), number(row, "rev"));
        let expected = last.get(&(thread, seq)).copied().unwrap_or(0);
        if rev != expected {
            world.problem(format!("message {seq} of {thread} has revision {rev}, not {expected}"));
        }
        if versions.get(&(thread.to_owned(), seq)).is_some_and(|version| *version != content::of_row(row)) {
            world.problem(format!("message {seq} of {thread} differs from the version that its last change wrote"));
        }
    }
}

/// Checks that no table has a text that was edited or deleted.
fn past_texts_are_erased(world: &World, all: &[Value]) {
    let past = world.cloud.journal.past_texts();
    if past.is_empty() {
        return;
    }
    let connections = engine::rows(&world.cloud.database, CONNECTIONS);
    for row in all.iter().chain(&connections) {
        let json = row.to_string();
        for text_of_past in past.iter().filter(|text| json.contains(*text)) {
            world.problem(format!("{} {} has the erased text {text_of_past:?}", text(row, "pk"), text(row, "sk")));
        }
    }
}

/// Checks that the idempotency records of messages that were edited or deleted have no hash of the content.
fn hashes_of_changed_messages_are_erased(world: &World, all: &[Value]) {
    for record in all.iter().filter(|row| row.get("contentHash").is_some()) {
        let (thread, seq) = (&text(record, "pk")["THREAD#".len()..], number(record, "seq"));
        if world.cloud.journal.was_rewritten(thread, seq) {
            world.problem(format!("the idempotency record of message {seq} of {thread} has a hash"));
        }
    }
}

/// Checks that the uses of each file are exactly the messages with this file, and the profile whose picture it is.
fn uses_are_those_of_messages_and_pictures(world: &World, all: &[Value], rows: &Rows) {
    let mut by_file: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows.messages.values().flatten() {
        for file in content::of_row(row)["files"].as_array().unwrap() {
            let usage = format!("{}#{}", text(row, "threadId"), number(row, "seq"));
            by_file.entry(file.as_str().unwrap().to_owned()).or_default().insert(usage);
        }
    }
    for profile in all.iter().filter(|row| text(row, "sk") == "PROFILE" && row.get("avatarFileId").is_some()) {
        by_file.entry(text(profile, "avatarFileId").to_owned()).or_default().insert("profile".to_owned());
    }
    for (id, file) in &rows.files {
        let (uses, expected) = (set(file, "uses").collect::<BTreeSet<_>>(), by_file.remove(*id).unwrap_or_default());
        if !uses.iter().copied().eq(expected.iter().map(String::as_str)) {
            world.problem(format!("{id} has the uses {uses:?}, not {expected:?}"));
        }
        if !expected.is_empty() && file["deleted"]["BOOL"] == true {
            world.problem(format!("{id} is deleted, but used by {expected:?}"));
        }
    }
    for (id, uses) in by_file {
        world.problem(format!("{id} of {uses:?} does not exist"));
    }
}

/// Checks that the bucket has no object of a file whose messages are deleted, and that its row has neither name nor keys.
fn objects_of_erased_files_are_deleted(world: &World, rows: &Rows) {
    let objects = world.cloud.objects();
    for (id, file) in rows.files.iter().filter(|(_, file)| is_erased(file)) {
        for key in objects.keys().filter(|key| key.contains(*id)) {
            world.problem(format!("{key} of a deleted message is still in the bucket"));
        }
        if !text(file, "name").is_empty() || file.get("original").is_some() || file.get("thumbnail").is_some() {
            world.problem(format!("the row of {id} of a deleted message is not erased"));
        }
    }
}

/// Checks that no file whose messages are deleted is served to its owner, nor by a valid link.
pub(crate) async fn erased_files_are_gone(world: &Arc<World>) {
    let rows = engine::rows(&world.cloud.database, CHAT);
    for file in rows.iter().filter(|row| text(row, "pk").starts_with("FILE#") && is_erased(row)) {
        let link = world.link_to(&FileId::parse(text(file, "id")).unwrap()).await;
        check_not_served(world, text(file, "ownerId"), text(file, "id"), &[link]).await;
    }
}
