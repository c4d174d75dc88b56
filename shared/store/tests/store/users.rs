use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{Profile, UserId};
use testkit::{Fault, Tables, new_thread};

use crate::{n, row, s, set};

const KEY: (&str, &str) = ("USER#user-1", "PROFILE");

fn profile(name: Option<&str>, issued_at: i64) -> Profile {
    Profile { id: UserId::parse("user-1").unwrap(), name: name.map(Into::into), issued_at }
}

async fn name(tables: &Tables, thread: &contract::Thread) -> String {
    let viewer = UserId::parse("user-1").unwrap();
    tables.chat().thread(&thread.id, &viewer).await.unwrap().unwrap().member_names.remove(0)
}

#[tokio::test]
async fn name_of_the_newest_token_is_kept() {
    let tables = Tables::create().await;
    let thread = new_thread(&tables.chat(), &["user-1"]).await;
    assert_eq!(name(&tables, &thread).await, "user-1");
    for (seen, shown) in [
        (profile(None, 9), "user-1"),
        (profile(Some("Sarah"), 2), "Sarah"),
        (profile(Some("Old"), 1), "Sarah"),
        (profile(Some("Sara"), 3), "Sara"),
        (profile(None, 4), "Sara"),
    ] {
        tables.chat().record_profile(&seen).await.unwrap();
        assert_eq!(name(&tables, &thread).await, shown);
    }
}

#[tokio::test]
async fn instance_shows_a_new_name_that_it_recorded_at_once() {
    let tables = Tables::create().await;
    let chat = tables.chat();
    let thread = new_thread(&chat, &["user-1"]).await;
    for (issued_at, name) in [(1, "Sarah"), (2, "Sara")] {
        chat.record_profile(&profile(Some(name), issued_at)).await.unwrap();
        let shown = chat.thread(&thread.id, &UserId::parse("user-1").unwrap()).await.unwrap().unwrap();
        assert_eq!(shown.member_names, [name]);
    }
}

#[tokio::test]
async fn token_without_name_creates_a_row_without_name() {
    let tables = Tables::create().await;
    tables.chat().record_profile(&profile(None, 9)).await.unwrap();
    let expected = [("id", s("user-1")), ("listed", AttributeValue::Bool(true))];
    assert_eq!(row(&tables, &tables.chat, KEY).await, expected.map(|(name, value)| (name.to_owned(), value)).into());
}

#[tokio::test]
async fn other_attributes_of_the_profile_survive_every_write() {
    let tables = Tables::create().await;
    tables.chat().record_profile(&profile(None, 1)).await.unwrap();
    set(&tables, &tables.chat, KEY, "receipts", AttributeValue::Bool(false)).await;
    for seen in [profile(None, 2), profile(Some("Sarah"), 2), profile(Some("Old"), 1), profile(Some("Sara"), 3)] {
        tables.chat().record_profile(&seen).await.unwrap();
    }
    let (on, off) = (AttributeValue::Bool(true), AttributeValue::Bool(false));
    let expected = [("id", s("user-1")), ("name", s("Sara")), ("issuedAt", n(3)), ("listed", on), ("receipts", off)];
    assert_eq!(row(&tables, &tables.chat, KEY).await, expected.map(|(name, value)| (name.to_owned(), value)).into());
}

#[tokio::test]
async fn warm_instance_records_each_user_and_newer_named_token_once() {
    let tables = Tables::create().await;
    let calls = Arc::new(Mutex::new(Vec::new()));
    let made = calls.clone();
    let counted = tables.through(move |call| {
        made.lock().unwrap().push(call.operation.clone());
        Fault::Pass
    });
    let chat = counted.await.chat();
    for (seen, records) in [
        (profile(None, 5), true),
        (profile(None, 6), false),
        (profile(Some("Sarah"), 4), true),
        (profile(Some("Sarah"), 4), false),
        (profile(Some("Old"), 3), false),
        (profile(None, 7), false),
        (profile(Some("Sara"), 8), true),
    ] {
        chat.record_profile(&seen).await.unwrap();
        // The two writes are those to the directory and the profile.
        let expected: &[&str] = if records { &["GetItem", "UpdateItem", "UpdateItem"] } else { &[] };
        assert_eq!(std::mem::take(&mut *calls.lock().unwrap()), expected, "{seen:?}");
    }
}

#[tokio::test]
async fn instance_writes_nothing_that_another_one_has_recorded() {
    let tables = Tables::create().await;
    tables.chat().record_profile(&profile(Some("Sarah"), 2)).await.unwrap();
    let read_only = tables.through(|call| {
        if call.operation == "UpdateItem" { Fault::Refuse("AccessDeniedException") } else { Fault::Pass }
    });
    let read_only = read_only.await;
    for seen in [profile(Some("Sarah"), 2), profile(Some("Old"), 1), profile(None, 3)] {
        read_only.chat().record_profile(&seen).await.unwrap();
    }
    assert!(read_only.chat().record_profile(&profile(Some("Sarah"), 3)).await.is_err());
}
