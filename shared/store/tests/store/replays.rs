//! Tests of idempotency records after a message was changed: an edit or a deletion erases the content hash, and a
//! replay returns the message as it is now.

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{FileId, IdempotencyKey, Message, Thread};
use store::{Change, Chat, NewMessage, Sent};
use testkit::{Tables, caller, change, edit, links, new_file, new_thread, react, send_text};

use crate::changes::messages;
use crate::{keys, n, row, set};

const RECORD: &str = "KEY#6#user-a#key";

async fn send(chat: &Chat, thread: &Thread, body: &str, file_ids: &[FileId]) -> Sent {
    let (author, key) = (&caller("user-a").profile(), IdempotencyKey::parse(b"key").unwrap());
    let thread_id = &thread.id;
    let new = NewMessage { thread_id, author, body, file_ids, reply_to: None, idempotency_key: Some(&key) };
    chat.send(new, &links()).await.unwrap()
}

async fn stored(chat: &Chat, thread: &Thread, body: &str, file_ids: &[FileId]) -> Message {
    match send(chat, thread, body, file_ids).await {
        Sent::Stored(message) => message,
        other => panic!("the message was not stored: {other:?}"),
    }
}

/// Returns the content hash in the idempotency record, if it has one.
async fn hash(tables: &Tables, thread: &Thread) -> Option<AttributeValue> {
    row(tables, &tables.chat, (&format!("THREAD#{}", thread.id), RECORD)).await.remove("contentHash")
}

#[tokio::test]
async fn edit_and_deletion_erase_the_hash_and_a_replay_returns_the_current_message() {
    for erasing in [edit("new"), Change::Delete] {
        let tables = Tables::create().await;
        let chat = tables.chat();
        let thread = new_thread(&chat, &["user-a", "user-b"]).await;
        stored(&chat, &thread, "text", &[]).await;
        // A reaction does not change the content, so the key still refuses other content.
        let reacted = change(&chat, "user-b", &thread, 1, react("👍")).await;
        assert!(hash(&tables, &thread).await.is_some());
        assert_eq!(send(&chat, &thread, "other", &[]).await, Sent::KeyReused);
        assert_eq!(send(&chat, &thread, "text", &[]).await, Sent::Replayed(reacted));

        let changed = change(&chat, "user-a", &thread, 1, erasing).await;
        assert_eq!(hash(&tables, &thread).await, None);
        for content in ["text", "new", "other"] {
            assert_eq!(send(&tables.chat(), &thread, content, &[]).await, Sent::Replayed(changed.clone()), "{content}");
        }
        let again = change(&chat, "user-a", &thread, 1, Change::Delete).await;
        assert_eq!(send(&chat, &thread, "text", &[]).await, Sent::Replayed(again));
        assert_eq!(messages(&chat, &thread).await.len(), 1);
    }
}

#[tokio::test]
async fn replay_of_a_deleted_message_ignores_that_its_files_cannot_be_sent_any_more() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    let file = new_file(&chat, "user-a", "photo.jpg", "image/jpeg", 1).await;
    let ids = [file.id.clone()];
    stored(&chat, &thread, "", &ids).await;
    let tombstone = change(&chat, "user-a", &thread, 1, Change::Delete).await;
    assert!(chat.erase_file(&file.id).await.unwrap());
    assert_eq!(send(&chat, &thread, "", &ids).await, Sent::Replayed(tombstone));
}

#[tokio::test]
async fn message_whose_record_is_gone_can_be_edited_and_deleted() {
    for change_of_content in [edit("new"), Change::Delete] {
        let tables = Tables::create().await;
        let chat = tables.chat();
        let thread = new_thread(&chat, &["user-a"]).await;
        let (pk, file) = (format!("THREAD#{}", thread.id), new_file(&chat, "user-a", "a", "a/b", 1).await);
        stored(&chat, &thread, "text", std::slice::from_ref(&file.id)).await;
        let delete = tables.client.delete_item().table_name(&tables.chat);
        delete.key("pk", crate::s(&pk)).key("sk", crate::s(RECORD)).send().await.unwrap();
        let changed = change(&chat, "user-a", &thread, 1, change_of_content).await;
        assert_eq!((changed.rev, messages(&chat, &thread).await), (1, vec![changed]));
        assert!(!keys(&tables, &tables.chat).await.contains(&(pk, RECORD.into())), "a change must not create a record");
    }
}

#[tokio::test]
async fn deletion_leaves_the_record_of_a_later_message_with_the_same_key_alone() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    stored(&chat, &thread, "first", &[]).await;
    set(&tables, &tables.chat, (&format!("THREAD#{}", thread.id), RECORD), "expiresAt", n(1)).await;
    // The record of message 1 has expired. So message 2 may be sent with the same key, and its record replaces the old
    // one.
    let second = stored(&chat, &thread, "second", &[]).await;
    let before = hash(&tables, &thread).await;
    assert!(before.is_some());
    assert_eq!(change(&chat, "user-a", &thread, 1, Change::Delete).await.rev, 1);
    assert_eq!(hash(&tables, &thread).await, before);
    assert_eq!(send(&chat, &thread, "second", &[]).await, Sent::Replayed(second));
    assert_eq!(send(&chat, &thread, "other", &[]).await, Sent::KeyReused);
}

#[tokio::test]
async fn hash_in_an_expired_record_is_erased_too() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    stored(&chat, &thread, "first", &[]).await;
    set(&tables, &tables.chat, (&format!("THREAD#{}", thread.id), RECORD), "expiresAt", n(1)).await;
    change(&chat, "user-a", &thread, 1, Change::Delete).await;
    assert_eq!(hash(&tables, &thread).await, None);
    assert_eq!(stored(&chat, &thread, "second", &[]).await.seq, 2);
}

#[tokio::test]
async fn message_without_a_key_is_changed_without_a_record() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-a"]).await;
    send_text(&chat, "user-a", &thread, "text").await;
    change(&chat, "user-a", &thread, 1, edit("new")).await;
    assert!(keys(&tables, &tables.chat).await.iter().all(|(_, sk)| !sk.starts_with("KEY#")));
}
