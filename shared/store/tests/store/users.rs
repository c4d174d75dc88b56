use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{Profile, UserId};
use testkit::{Fault, Tables, new_thread};

use crate::{n, s, set};

const KEY: (&str, &str) = ("USER#user-1", "PROFILE");

fn profile(name: Option<&str>, issued_at: i64) -> Profile {
    Profile { id: UserId::parse("user-1").unwrap(), name: name.map(Into::into), issued_at }
}

async fn name(tables: &Tables, thread: &contract::Thread) -> String {
    let viewer = UserId::parse("user-1").unwrap();
    tables.chat().thread(&thread.id, &viewer).await.unwrap().unwrap().member_names.remove(0)
}

/// Reads the row of the profile, without the primary key.
async fn row(tables: &Tables) -> HashMap<String, AttributeValue> {
    let get = tables.client.get_item().table_name(&tables.chat).key("pk", s(KEY.0)).key("sk", s(KEY.1));
    let mut row = get.send().await.unwrap().item.unwrap();
    row.retain(|name, _| name != "pk" && name != "sk");
    row
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
async fn token_without_name_creates_a_row_with_only_the_id() {
    let tables = Tables::create().await;
    tables.chat().record_profile(&profile(None, 9)).await.unwrap();
    assert_eq!(row(&tables).await, HashMap::from([("id".to_owned(), s("user-1"))]));
}

#[tokio::test]
async fn other_attributes_of_the_profile_survive_every_write() {
    let tables = Tables::create().await;
    tables.chat().record_profile(&profile(None, 1)).await.unwrap();
    set(&tables, &tables.chat, KEY, "receipts", AttributeValue::Bool(false)).await;
    for seen in [profile(None, 2), profile(Some("Sarah"), 2), profile(Some("Old"), 1), profile(Some("Sara"), 3)] {
        tables.chat().record_profile(&seen).await.unwrap();
    }
    let expected =
        [("id", s("user-1")), ("name", s("Sara")), ("issuedAt", n(3)), ("receipts", AttributeValue::Bool(false))];
    assert_eq!(row(&tables).await, expected.map(|(name, value)| (name.to_owned(), value)).into());
}

#[tokio::test]
async fn warm_instance_writes_once_per_user_and_newer_named_token() {
    let tables = Tables::create().await;
    let writes = Arc::new(AtomicUsize::new(0));
    let recorder = writes.clone();
    let counted = tables.through(move |call| {
        recorder.fetch_add(usize::from(call.is("UpdateItem", "PROFILE")), Ordering::SeqCst);
        Fault::Pass
    });
    let chat = counted.await.chat();
    for (seen, expected) in [
        (profile(None, 5), 1),
        (profile(None, 6), 1),
        (profile(Some("Sarah"), 4), 2),
        (profile(Some("Sarah"), 4), 2),
        (profile(Some("Old"), 3), 2),
        (profile(None, 7), 2),
        (profile(Some("Sara"), 8), 3),
    ] {
        chat.record_profile(&seen).await.unwrap();
        assert_eq!(writes.load(Ordering::SeqCst), expected, "{seen:?}");
    }
}
