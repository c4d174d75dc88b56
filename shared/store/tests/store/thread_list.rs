//! Tests of the list of a user's threads: archived or not, unread messages, previews of last messages.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{
    MessagePreview, ReadMark, ThreadId, ThreadPage, ThreadsQuery, Timestamp, UpdateSettings, UserId, limits,
};
use serde_json::json;
use store::Chat;
use testkit::{Fault, Intercepted, Tables, message_row, new_file, new_thread, once, send_text, send_with_files};

use crate::{n, s, set, unset};

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

async fn page(chat: &Chat, limit: &str, cursor: Option<&str>, archived: &str) -> ThreadPage {
    let query = ThreadsQuery::parse(Some(limit), cursor, Some(archived)).unwrap();
    chat.threads(&user("a"), &query).await.unwrap()
}

/// Reads the IDs of a list's threads from all pages.
async fn list(chat: &Chat, limit: &str, archived: &str) -> Vec<ThreadId> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    for _ in 0..100 {
        let page = page(chat, limit, cursor.as_deref(), archived).await;
        for thread in page.threads {
            assert_eq!(thread.own.settings.archived, archived == "true");
            ids.push(thread.overview.thread.id);
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return ids;
        }
    }
    panic!("the pages do not end: {ids:?}");
}

async fn archive(chat: &Chat, thread: &ThreadId, archived: bool) {
    let update = UpdateSettings { archived: Some(archived), muted_until: None };
    chat.update_settings(&user("a"), thread, update).await.unwrap().unwrap();
}

/// Returns the preview of the last message in the only thread of the list.
async fn preview(chat: &Chat) -> MessagePreview {
    page(chat, "1", None, "false").await.threads.remove(0).overview.last_message.unwrap()
}

#[tokio::test]
async fn each_thread_is_in_the_list_that_its_member_chose() {
    let chat = Tables::create().await.chat();
    let (mut archived, mut others) = (Vec::new(), Vec::new());
    for index in 0..7 {
        let thread = new_thread(&chat, &["a", &format!("b{index}")]).await;
        let mut message = send_text(&chat, "a", &thread, "text").await;
        message.created_at = Timestamp::from_millis(4_102_444_800_000 + index);
        chat.advance_projection(&message_row(&message)).await.unwrap();
        if index % 2 == 0 {
            archive(&chat, &thread.id, true).await;
        }
        if index % 2 == 0 { &mut archived } else { &mut others }.insert(0, thread.id);
    }
    // The pages of each list skip no thread and repeat none, although the times of the other list's threads lie in
    // between.
    for limit in ["1", "2", "100"] {
        assert_eq!(list(&chat, limit, "true").await, archived, "limit {limit}");
        assert_eq!(list(&chat, limit, "false").await, others, "limit {limit}");
    }
    archive(&chat, &archived[0], false).await;
    others.insert(0, archived.remove(0));
    assert_eq!((list(&chat, "2", "true").await, list(&chat, "2", "false").await), (archived, others));
}

#[tokio::test]
async fn unread_messages_are_counted_per_member_and_never_negative() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["a", "b"]).await;
    let unread = async || {
        let thread = page(&tables.chat(), "1", None, "false").await.threads.remove(0);
        (thread.overview.last_seq, thread.own.read_seq, thread.unread_count)
    };
    assert_eq!(unread().await, (0, 0, 0));
    let mut messages = Vec::new();
    for body in ["1", "2", "3"] {
        messages.push(send_text(&chat, "b", &thread, body).await);
    }
    // The read mark is now 2, but the projection still has no message.
    chat.record_sent(&thread.id, &ReadMark { user_id: user("a"), seq: 2 }).await.unwrap();
    assert_eq!(unread().await, (0, 2, 0));
    for (message, expected) in messages.iter().zip([(1, 2, 0), (2, 2, 0), (3, 2, 1)]) {
        chat.advance_projection(&message_row(message)).await.unwrap();
        assert_eq!(unread().await, expected);
    }
}

#[tokio::test]
async fn long_message_is_previewed_by_its_first_characters_and_its_files() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["a"]).await;
    let file = new_file(&chat, "a", "photo.jpg", "image/jpeg", 12).await;
    let body = "🏡".repeat(limits::PREVIEW_CHARS + 1);
    let message = send_with_files(&chat, "a", &thread, &body, std::slice::from_ref(&file.id)).await;
    let row = chat.advance_projection(&message_row(&message)).await.unwrap();
    let expected = json!({
        "id": message.id, "threadId": thread.id, "seq": 1, "rev": 0, "body": "🏡".repeat(limits::PREVIEW_CHARS), "truncated": true,
        "author": {"id": "a", "name": "a"}, "createdAt": message.created_at,
        "attachments": [{"id": file.id, "name": "photo.jpg", "mimetype": "image/jpeg"}],
    });
    assert_eq!(json!(preview(&chat).await), expected);
    // The threads in events for inboxes have the same preview.
    assert_eq!(json!(chat.thread_update(row.clone()).await.unwrap().last_message), expected);
    assert_eq!(json!(chat.thread_overview(row).await.unwrap().last_message), expected);

    let message = send_text(&chat, "a", &thread, "short").await;
    chat.advance_projection(&message_row(&message)).await.unwrap();
    let shown = json!(preview(&chat).await);
    assert_eq!((&shown["body"], &shown["attachments"]), (&json!("short"), &json!([])));
    assert!(shown.get("truncated").is_none());
}

#[tokio::test]
async fn last_message_stored_whole_before_previews_is_shown_as_a_preview() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["a"]).await;
    let file = new_file(&chat, "a", "photo.jpg", "image/jpeg", 12).await;
    let body = "x".repeat(limits::PREVIEW_CHARS + 1);
    let message = send_with_files(&chat, "a", &thread, &body, std::slice::from_ref(&file.id)).await;
    let whole = HashMap::from([
        ("id".to_owned(), s(message.id.as_str())),
        ("threadId".to_owned(), s(thread.id.as_str())),
        ("seq".to_owned(), n(1)),
        ("authorId".to_owned(), s("a")),
        ("body".to_owned(), s(&body)),
        ("fileIds".to_owned(), AttributeValue::L(vec![s(file.id.as_str())])),
        ("createdAt".to_owned(), s(message.created_at.to_string())),
    ]);
    let pk = format!("THREAD#{}", thread.id);
    set(&tables, &tables.chat, (&pk, "META"), "lastMessage", AttributeValue::M(whole)).await;
    set(&tables, &tables.chat, (&pk, "META"), "lastSeq", n(1)).await;
    // The memberships of the time before previews have no read mark.
    unset(&tables, &tables.chat, ("USER#a", &pk), "readSeq").await;

    let shown = page(&chat, "1", None, "false").await.threads.remove(0);
    assert_eq!((shown.own.read_seq, shown.unread_count), (1, 0));
    let old = json!(shown.overview.last_message);
    assert_eq!((&old["body"], &old["truncated"]), (&json!("x".repeat(limits::PREVIEW_CHARS)), &json!(true)));
    assert_eq!(old["attachments"], json!([{"id": file.id, "name": "photo.jpg", "mimetype": "image/jpeg"}]));
    let row = chat.thread_row(&thread.id).await.unwrap().unwrap();
    assert_eq!(json!(chat.thread_update(row.clone()).await.unwrap().last_message), old);
    assert_eq!(json!(chat.thread_overview(row).await.unwrap().last_message), old);
    // If chat-stream processes the same message late, the stored last message does not change. The next message
    // replaces it.
    let late = chat.advance_projection(&message_row(&message)).await.unwrap();
    assert_eq!(json!(chat.thread_update(late).await.unwrap().last_message), old);
    let next = send_text(&chat, "a", &thread, "next").await;
    chat.advance_projection(&message_row(&next)).await.unwrap();
    assert_eq!(preview(&chat).await.body, "next");
}

#[tokio::test]
async fn membership_missing_in_a_batch_is_read_separately() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["a", "b"]).await;
    let empty = |_: &Intercepted| Fault::Answer(json!({"Responses": {}, "UnprocessedKeys": {}}));
    let chat = tables.through(once(|call| call.operation == "BatchGetItem", empty)).await.chat();
    assert_eq!(chat.thread(&thread.id, &user("a")).await.unwrap().unwrap().own.read_seq, 0);
}
