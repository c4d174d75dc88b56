//! Tests of a member's settings for a thread.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{ReadMark, Thread, ThreadId, ThreadSettings, Timestamp, UpdateSettings, UserId};
use testkit::{Fault, Intercepted, Tables, message_row, new_thread, send_text};

use crate::{keys, n, row, s, unset};

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

fn until() -> Timestamp {
    Timestamp::from_millis(4_102_444_800_000)
}

const NOTHING: UpdateSettings = UpdateSettings { archived: None, muted_until: None };
const ARCHIVE: UpdateSettings = UpdateSettings { archived: Some(true), muted_until: None };
const RESTORE: UpdateSettings = UpdateSettings { archived: Some(false), muted_until: None };
const UNMUTE: UpdateSettings = UpdateSettings { archived: None, muted_until: Some(None) };

/// Changes the settings of the user `id` on a new instance, and returns all of them.
async fn update(tables: &Tables, id: &str, thread: &ThreadId, update: UpdateSettings) -> Option<ThreadSettings> {
    tables.chat().update_settings(&user(id), thread, update).await.unwrap()
}

async fn membership(tables: &Tables, thread: &Thread) -> HashMap<String, AttributeValue> {
    row(tables, &tables.chat, ("USER#user-a", &format!("THREAD#{}", thread.id))).await
}

#[tokio::test]
async fn each_field_changes_alone_or_with_the_other() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a", "user-b"]).await;
    let later = Timestamp::from_millis(4_102_444_800_001);
    let mute = |archived, until| UpdateSettings { archived, muted_until: Some(Some(until)) };
    for (change, expected) in [
        (UNMUTE, (false, None)),
        (ARCHIVE, (true, None)),
        (mute(None, until()), (true, Some(until()))),
        (mute(Some(true), later), (true, Some(later))),
        (RESTORE, (false, Some(later))),
        (UNMUTE, (false, None)),
        (mute(Some(true), until()), (true, Some(until()))),
        (NOTHING, (true, Some(until()))),
        (UpdateSettings { archived: Some(false), ..UNMUTE }, (false, None)),
    ] {
        let settings = update(&tables, "user-a", &thread.id, change).await.unwrap();
        assert_eq!((settings.archived, settings.muted_until), expected, "{change:?}");
        let shown = tables.chat().thread(&thread.id, &user("user-a")).await.unwrap().unwrap();
        assert_eq!(shown.own.settings, settings);
        let of_other = tables.chat().thread(&thread.id, &user("user-b")).await.unwrap().unwrap();
        assert_eq!(of_other.own.settings, ThreadSettings::default());
    }
}

#[tokio::test]
async fn settings_do_not_touch_the_read_mark() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    let sk = format!("THREAD#{}", thread.id);
    update(&tables, "user-a", &thread.id, ARCHIVE).await.unwrap();
    let row = membership(&tables, &thread).await;
    assert_eq!((&row["readSeq"], &row["changed"]), (&n(0), &s("settings")));
    // A membership that was created before read marks existed stays without one, so all messages still count as read.
    unset(&tables, &tables.chat, ("USER#user-a", &sk), "readSeq").await;
    update(&tables, "user-a", &thread.id, RESTORE).await.unwrap();
    assert!(!membership(&tables, &thread).await.contains_key("readSeq"));
}

#[tokio::test]
async fn empty_update_writes_nothing() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    let expected =
        update(&tables, "user-a", &thread.id, UpdateSettings { muted_until: Some(Some(until())), ..ARCHIVE }).await;
    let read_only = |call: &Intercepted| {
        if call.operation == "UpdateItem" { Fault::Refuse("AccessDeniedException") } else { Fault::Pass }
    };
    let read_only = tables.through(read_only).await;
    assert_eq!(update(&read_only, "user-a", &thread.id, NOTHING).await, expected);
    assert!(read_only.chat().update_settings(&user("user-a"), &thread.id, ARCHIVE).await.is_err());
}

#[tokio::test]
async fn settings_of_a_non_member_or_for_a_missing_thread_write_nothing() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-a"]).await;
    let before = keys(&tables, &tables.chat).await;
    for (id, thread) in [("stranger", &thread.id), ("user-a", &ThreadId::new())] {
        for change in [NOTHING, ARCHIVE, RESTORE, UNMUTE] {
            assert_eq!(update(&tables, id, thread, change).await, None, "{id} {change:?}");
        }
    }
    assert_eq!(keys(&tables, &tables.chat).await, before);
}

#[tokio::test]
async fn archived_thread_stays_archived_when_messages_arrive() {
    let tables = Tables::create().await;
    let (chat, thread) = (tables.chat(), new_thread(&tables.chat(), &["user-a", "user-b"]).await);
    update(&tables, "user-a", &thread.id, ARCHIVE).await.unwrap();
    let message = send_text(&chat, "user-b", &thread, "text").await;
    chat.advance_projection(&message_row(&message)).await.unwrap();
    let sent = ReadMark { user_id: user("user-a"), seq: 1 };
    chat.record_sent(&thread.id, &sent).await.unwrap();
    assert!(chat.thread(&thread.id, &user("user-a")).await.unwrap().unwrap().own.settings.archived);
}
