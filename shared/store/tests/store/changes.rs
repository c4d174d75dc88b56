//! Tests of edits, deletions and reactions: who may make them, what they write, and what they do not change.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{IdempotencyKey, Message, MessagesQuery, Quote, Reaction, Thread, ThreadId, Timestamp};
use store::{Change, Chat, MessageRate, NewChange, NewMessage, Refused, Sent};
use testkit::{
    Tables, caller, change, edit, links, new_file, new_thread, react, send_text, send_with_files, try_change,
};

use crate::{row, s, set};

/// Reads the first page of a thread's messages, newest first.
pub(crate) async fn messages(chat: &Chat, thread: &Thread) -> Vec<Message> {
    let query = MessagesQuery::parse(Some("100"), None, None).unwrap();
    chat.messages(&thread.id, &query, &links()).await.unwrap().messages
}

/// Reads all rows of the table `Chat` by their keys, except profiles, memberships and the directory.
async fn rows(tables: &Tables) -> HashMap<String, HashMap<String, AttributeValue>> {
    let items = tables.client.scan().table_name(&tables.chat).into_paginator().items().send();
    let items = items.collect::<Result<Vec<_>, _>>().await.unwrap();
    let keyed = items.into_iter().map(|item| (format!("{:?} {:?}", item["pk"], item["sk"]), item));
    keyed.filter(|(key, _)| !key.contains("USER#")).collect()
}

/// Returns the key of a message's row.
pub(crate) fn message_key(thread: &Thread, seq: u64) -> (String, String) {
    (format!("THREAD#{}", thread.id), format!("MSG#{seq:020}"))
}

fn reaction(emoji: &str, users: &[&str]) -> Reaction {
    Reaction { emoji: emoji.into(), user_ids: users.iter().map(|user| caller(user).id).collect() }
}

async fn send(chat: &Chat, thread: &Thread, body: &str, key: Option<&str>, reply_to: Option<u64>) -> Sent {
    let key = key.map(|key| IdempotencyKey::parse(key.as_bytes()).unwrap());
    let (author, idempotency_key) = (&caller("user-a").profile(), key.as_ref());
    let new = NewMessage { thread_id: &thread.id, author, body, file_ids: &[], reply_to, idempotency_key };
    chat.send(new, &links()).await.unwrap()
}

#[tokio::test]
async fn changes_return_the_message_as_it_is_stored_and_keep_everything_else() {
    let chat = Tables::create().await.chat();
    let thread = new_thread(&chat, &["user-a", "user-b"]).await;
    let file = new_file(&chat, "user-a", "photo.jpg", "image/jpeg", 1).await;
    let sent = send_with_files(&chat, "user-a", &thread, "Hello", std::slice::from_ref(&file.id)).await;
    assert_eq!((sent.rev, sent.edited_at, sent.deleted_at), (0, None, None));

    let edited = change(&chat, "user-a", &thread, 1, edit("Hi")).await;
    assert!(edited.edited_at.unwrap() >= sent.created_at);
    assert_eq!(edited, Message { rev: 1, body: "Hi".into(), edited_at: edited.edited_at, ..sent.clone() });
    assert_eq!(messages(&chat, &thread).await, std::slice::from_ref(&edited));

    let one = change(&chat, "user-b", &thread, 1, react("👍")).await;
    assert_eq!(one, Message { rev: 2, reactions: vec![reaction("👍", &["user-b"])], ..edited.clone() });
    change(&chat, "user-a", &thread, 1, react("👍")).await;
    let replaced = change(&chat, "user-b", &thread, 1, react("❤")).await;
    let reactions = vec![reaction("❤️", &["user-b"]), reaction("👍", &["user-a"])];
    assert_eq!(replaced, Message { rev: 4, reactions, ..edited.clone() });
    let edited_again = change(&chat, "user-a", &thread, 1, edit("")).await;
    assert_eq!((edited_again.body.as_str(), &edited_again.reactions), ("", &replaced.reactions));
    change(&chat, "user-b", &thread, 1, Change::Unreact).await;
    let without = change(&chat, "user-a", &thread, 1, Change::Unreact).await;
    assert_eq!(without, Message { rev: 7, body: String::new(), edited_at: edited_again.edited_at, ..sent });
    assert_eq!(messages(&chat, &thread).await, [without]);
}

#[tokio::test]
async fn deletion_erases_everything_but_who_and_when() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a", "user-b"]).await;
    send_text(&chat, "user-b", &thread, "Dinner?").await;
    let file = new_file(&chat, "user-a", "photo.jpg", "image/jpeg", 1).await;
    let (ids, key) = ([file.id.clone()], IdempotencyKey::parse(b"key").unwrap());
    let author = &caller("user-a").profile();
    let new = NewMessage {
        thread_id: &thread.id,
        author,
        body: "secret",
        file_ids: &ids,
        reply_to: Some(1),
        idempotency_key: Some(&key),
    };
    let Sent::Stored(sent) = chat.send(new, &links()).await.unwrap() else { panic!("the message was not stored") };
    change(&chat, "user-b", &thread, 2, react("👍")).await;
    change(&chat, "user-a", &thread, 2, edit("also secret")).await;
    let deleted = change(&chat, "user-a", &thread, 2, Change::Delete).await;
    assert!(deleted.deleted_at.unwrap() >= sent.created_at);
    let tombstone = Message {
        rev: 3,
        body: String::new(),
        attachments: Vec::new(),
        reply_to: None,
        deleted_at: deleted.deleted_at,
        ..sent
    };
    assert_eq!(deleted, tombstone);
    assert_eq!(messages(&chat, &thread).await[0], tombstone);
    let (pk, sk) = message_key(&thread, 2);
    let stored: BTreeSet<_> = row(&tables, &tables.chat, (&pk, &sk)).await.into_keys().collect();
    let kept = ["authorId", "body", "createdAt", "deletedAt", "id", "rev", "seq", "threadId", "undelivered"];
    assert_eq!(stored, kept.map(String::from).into());
    let all = format!("{:?}", rows(&tables).await);
    assert!(!all.contains("secret") && !all.contains("contentHash") && !all.contains('👍'), "{all}");
}

#[tokio::test]
async fn refused_and_repeated_changes_write_nothing() {
    const DAY: Duration = Duration::from_hours(24);
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a", "user-b"]).await;
    let file = new_file(&chat, "user-a", "photo.jpg", "image/jpeg", 1).await;
    for body in ["text", "old", "deleted"] {
        send_text(&chat, "user-a", &thread, body).await;
    }
    send_with_files(&chat, "user-a", &thread, "photo", std::slice::from_ref(&file.id)).await;
    change(&chat, "user-b", &thread, 1, react("👍")).await;
    change(&chat, "user-a", &thread, 3, Change::Delete).await;
    let (pk, sk) = message_key(&thread, 2);
    let too_old = Timestamp::from_millis(Timestamp::now().millis() - 24 * 3_600_000 - 1);
    set(&tables, &tables.chat, (&pk, &sk), "createdAt", s(too_old.to_string())).await;
    let within_a_day = |body| Change::Edit { body, window: DAY };
    let before = rows(&tables).await;
    for (user, seq, refused, expected) in [
        ("user-x", 1, react("👍"), Refused::NotMember),
        ("user-x", 9, Change::Unreact, Refused::NotMember),
        ("user-x", 1, Change::Delete, Refused::NotMember),
        ("user-x", 1, edit("x"), Refused::NotMember),
        ("user-a", 5, Change::Delete, Refused::NoMessage),
        ("user-a", 0, edit("x"), Refused::NoMessage),
        ("user-b", 5, Change::Unreact, Refused::NoMessage),
        ("user-b", u64::MAX, react("👍"), Refused::NoMessage),
        ("user-b", 1, edit("x"), Refused::NotAuthor),
        ("user-b", 1, edit("text"), Refused::NotAuthor),
        ("user-b", 1, Change::Delete, Refused::NotAuthor),
        ("user-b", 3, Change::Delete, Refused::NotAuthor),
        ("user-b", 3, edit("x"), Refused::NotAuthor),
        ("user-a", 2, within_a_day("x"), Refused::EditWindowOver),
        ("user-a", 3, edit("x"), Refused::Deleted),
        ("user-a", 3, edit(""), Refused::Deleted),
        ("user-b", 3, react("👍"), Refused::Deleted),
        ("user-a", 1, edit(""), Refused::Invisible),
        ("user-a", 1, edit(" \n\u{200b}"), Refused::Invisible),
    ] {
        let result = try_change(&tables.chat(), user, &thread, seq, refused).await;
        assert_eq!(result, Err(expected), "{user} {seq} {refused:?}");
    }
    let missing = Thread { id: ThreadId::new(), ..thread.clone() };
    assert_eq!(try_change(&chat, "user-a", &missing, 1, Change::Delete).await, Err(Refused::NotMember));
    let listed = messages(&chat, &thread).await;
    for (user, seq, repeated) in [
        ("user-a", 1, edit("text")),
        ("user-a", 2, within_a_day("old")),
        ("user-b", 1, react("👍")),
        ("user-a", 1, Change::Unreact),
        ("user-a", 3, Change::Delete),
        ("user-a", 3, Change::Unreact),
        ("user-b", 3, Change::Unreact),
    ] {
        let message = change(&tables.chat(), user, &thread, seq, repeated).await;
        assert!(listed.contains(&message), "{user} {seq} {repeated:?}: {message:?}");
    }
    assert_eq!(rows(&tables).await, before);
    // A message with files needs no text. An old message can be deleted and reacted to.
    change(&chat, "user-a", &thread, 4, edit(" ")).await;
    change(&chat, "user-b", &thread, 2, react("👍")).await;
    let soon_too_old = Timestamp::from_millis(Timestamp::now().millis() - 23 * 3_600_000);
    set(&tables, &tables.chat, (&pk, &sk), "createdAt", s(soon_too_old.to_string())).await;
    change(&chat, "user-a", &thread, 2, within_a_day("x")).await;
    assert_eq!(change(&chat, "user-a", &thread, 2, Change::Delete).await.rev, 6);
}

#[tokio::test]
async fn only_written_changes_count_as_messages_of_the_minute() {
    let chat = Tables::create().await.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    send_text(&chat, "user-a", &thread, "text").await;
    let rate = MessageRate::new(1);
    let caller = &caller("user-a").profile();
    let change = async |seq, change| {
        let new = NewChange { thread_id: &thread.id, seq, caller, change };
        chat.change(new, &rate, &links()).await.unwrap()
    };
    for _ in 0..2 {
        change(1, edit("text")).await.unwrap();
        assert_eq!(change(2, react("👍")).await, Err(Refused::NoMessage));
    }
    assert_eq!(change(1, react("👍")).await.unwrap().rev, 1);
    for refused in [react("❤️"), react("👍"), Change::Delete] {
        assert!(matches!(change(1, refused).await, Err(Refused::RateLimited(_))));
    }
    assert_eq!(messages(&chat, &thread).await[0].rev, 1);
}

#[tokio::test]
async fn quotes_have_the_current_state_of_their_message() {
    let chat = Tables::create().await.chat();
    let thread = new_thread(&chat, &["user-a", "user-b"]).await;
    send_text(&chat, "user-b", &thread, &"🏡".repeat(101)).await;
    let quote = async || messages(&chat, &thread).await[0].reply_to.clone().unwrap();
    let Sent::Stored(reply) = send(&chat, &thread, "yes", None, Some(1)).await else { panic!("reply was not stored") };
    let author = contract::Author { id: caller("user-b").id, name: "B".into() };
    let expected = Quote { seq: 1, author, excerpt: "🏡".repeat(100), deleted: false };
    assert_eq!((reply.reply_to.as_ref(), quote().await), (Some(&expected), expected.clone()));
    change(&chat, "user-b", &thread, 1, edit("short")).await;
    assert_eq!(quote().await, Quote { excerpt: "short".into(), ..expected.clone() });
    change(&chat, "user-b", &thread, 1, Change::Delete).await;
    let deleted = Quote { excerpt: String::new(), deleted: true, ..expected };
    assert_eq!(quote().await, deleted);
    assert_eq!(
        messages(&chat, &thread).await[0].rev,
        0,
        "a change of the quoted message must not change the reply's revision"
    );
    // A tombstone can be replied to. A message that does not exist, or the reply itself, cannot.
    let Sent::Stored(late) = send(&chat, &thread, "why?", None, Some(1)).await else { panic!("reply was not stored") };
    assert_eq!(late.reply_to, Some(deleted));
    for unknown in [0, 4, u64::MAX] {
        assert_eq!(send(&chat, &thread, "x", Some("key"), Some(unknown)).await, Sent::UnknownReply);
    }
    let foreign = new_thread(&chat, &["user-a"]).await;
    assert_eq!(send(&chat, &foreign, "x", None, Some(1)).await, Sent::UnknownReply);
    assert_eq!(messages(&chat, &thread).await.len(), 3);
    let edited = change(&chat, "user-a", &thread, 2, edit("no")).await;
    assert!(edited.reply_to.unwrap().deleted);
}

#[tokio::test]
async fn file_that_was_erased_after_its_message_was_read_is_shown_as_failed() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    let file = new_file(&chat, "user-a", "photo.jpg", "image/jpeg", 1).await;
    send_with_files(&chat, "user-a", &thread, "", std::slice::from_ref(&file.id)).await;
    let key = message_key(&thread, 1);
    let files = row(&tables, &tables.chat, (&key.0, &key.1)).await.remove("fileIds").unwrap();
    change(&chat, "user-a", &thread, 1, Change::Delete).await;
    set(&tables, &tables.chat, (&key.0, &key.1), "fileIds", files).await;
    let shown = messages(&chat, &thread).await[0].attachments.remove(0);
    assert_eq!((shown.status, shown.thumb_url), (contract::FileStatus::Failed, None));
}
