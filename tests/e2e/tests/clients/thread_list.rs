//! GET /api/threads
//!
//! On Dad's threads, who writes nowhere else; one test at a time, so that their order stands still.

use std::collections::HashSet;

use e2e::{User, assert_keys, assert_message, assert_thread, assert_timestamp, eventually, fresh_member, items, text};
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Mutex;

static DADS_THREADS: Mutex<()> = Mutex::const_new(());

async fn list(user: &User, query: &[(&str, &str)]) -> (Vec<Value>, Option<String>) {
    let mut page = user.get("/api/threads", query).await.ok(200);
    assert_keys(&page, &["threads", "nextCursor"]);
    let Value::Array(threads) = page["threads"].take() else { panic!("threads is not a list: {page}") };
    for thread in &threads {
        assert_thread(thread, &["memberNames", "lastMessage"]);
        let members = items(&thread["memberIds"]);
        assert!(members.iter().any(|id| *id == user.id), "not {}'s: {thread}", user.name);
        assert_eq!(items(&thread["memberNames"]).len(), members.len(), "{thread}");
    }
    (threads, page["nextCursor"].as_str().map(str::to_owned))
}

async fn newest(user: &User) -> Vec<Value> {
    list(user, &[("limit", "10")]).await.0
}

fn ids(threads: &[Value]) -> Vec<&str> {
    threads.iter().map(|thread| text(&thread["id"])).collect()
}

/// Sends a message and waits until the list knows it.
async fn say_and_settle(user: &User, thread: &str, body: &str) -> Value {
    let message = user.say(thread, body).await;
    eventually("the message is its thread's last one in the list", async || {
        let listed = newest(user).await.into_iter().find(|listed| listed["id"] == thread)?;
        (listed["lastMessage"]["id"] == message["id"]).then_some(listed)
    })
    .await
}

#[tokio::test]
async fn a_new_thread_comes_first_and_has_no_last_message() {
    let _alone = DADS_THREADS.lock().await;
    let dad = User::dad().await;
    let fresh = fresh_member();
    let created = dad.post("/api/threads", &json!({ "memberIds": [fresh], "title": "New" })).await.ok(201);
    let first = newest(&dad).await.swap_remove(0);
    for key in ["id", "title", "memberIds", "createdAt", "updatedAt"] {
        assert_eq!(first[key], created[key], "{key}");
    }
    assert_eq!(first["lastMessage"], Value::Null);
    let names: HashSet<&str> = items(&first["memberNames"]).iter().map(text).collect();
    assert_eq!(names, HashSet::from(["Dad", fresh.as_str()]));
}

#[tokio::test]
async fn a_thread_that_others_made_is_listed_too() {
    let _alone = DADS_THREADS.lock().await;
    let (sarah, dad) = (User::sarah().await, User::dad().await);
    let thread = sarah.open_thread(&[&dad]).await;
    assert!(ids(&newest(&dad).await).contains(&thread.as_str()));
}

#[tokio::test]
async fn a_thread_that_others_have_is_not_listed() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let hers = sarah.open_thread(&[]).await;
    let ours = sarah.open_thread(&[&michael]).await;
    let (threads, _) = list(&michael, &[("limit", "100")]).await;
    assert!(ids(&threads).contains(&ours.as_str()));
    assert!(!ids(&threads).contains(&hers.as_str()));
}

#[tokio::test]
async fn a_message_becomes_the_last_one_and_brings_its_thread_to_the_front() {
    let _alone = DADS_THREADS.lock().await;
    let dad = User::dad().await;
    let (old, new) = (dad.open_thread(&[]).await, dad.open_thread(&[]).await);
    assert_eq!(ids(&newest(&dad).await)[..2], [new.as_str(), old.as_str()]);

    let listed = say_and_settle(&dad, &old, "Dinner at 6?").await;
    let last = &listed["lastMessage"];
    assert_eq!(last["body"], "Dinner at 6?", "{last}");
    assert_eq!(last["seq"], 1, "{last}");
    assert_eq!(last["author"], json!({ "id": dad.id, "name": "Dad" }), "{last}");
    assert_timestamp(&last["createdAt"]);
    assert_message(last, &old);
    assert!(text(&listed["updatedAt"]) >= text(&last["createdAt"]), "{listed}");
    assert_eq!(ids(&newest(&dad).await)[..2], [old.as_str(), new.as_str()]);

    say_and_settle(&dad, &new, "At 7.").await;
    assert_eq!(ids(&newest(&dad).await)[..2], [new.as_str(), old.as_str()]);
}

#[tokio::test]
async fn of_concurrent_messages_the_one_committed_last_is_the_last_one() {
    let _alone = DADS_THREADS.lock().await;
    let dad = User::dad().await;
    let thread = dad.open_thread(&[]).await;
    join_all((0..8).map(|_| dad.say(&thread, "all at once"))).await;
    say_and_settle(&dad, &thread, "done").await;
    let first = newest(&dad).await.swap_remove(0);
    assert_eq!(first["lastMessage"]["seq"], 9, "{first}");
}

#[tokio::test]
async fn small_pages_show_what_a_large_page_shows() {
    let _alone = DADS_THREADS.lock().await;
    let dad = User::dad().await;
    for _ in 0..4 {
        dad.open_thread(&[]).await;
    }
    let (expected, _) = list(&dad, &[("limit", "4")]).await;
    let mut cursor: Option<String> = None;
    for expected in &expected {
        let mut query = vec![("limit", "1")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let (threads, next) = list(&dad, &query).await;
        assert_eq!(ids(&threads), [text(&expected["id"])]);
        cursor = next;
    }
}

#[tokio::test]
async fn paging_ends_and_shows_each_thread_once() {
    let _alone = DADS_THREADS.lock().await;
    let dad = User::dad().await;
    let mine = [dad.open_thread(&[]).await, dad.open_thread(&[]).await, dad.open_thread(&[]).await];
    let mut seen = HashSet::new();
    let mut last_activity: Option<String> = None;
    let (mut threads, mut next) = list(&dad, &[("limit", "3")]).await;
    loop {
        for thread in &threads {
            assert!(seen.insert(text(&thread["id"]).to_owned()), "twice: {thread}");
            let activity = text(&thread["updatedAt"]).to_owned();
            assert!(last_activity.is_none_or(|last| last >= activity), "not the most recently active first: {thread}");
            last_activity = Some(activity);
        }
        let Some(cursor) = next else { break };
        (threads, next) = list(&dad, &[("limit", "100"), ("cursor", &cursor)]).await;
    }
    assert!(mine.iter().all(|id| seen.contains(id)));
}

#[tokio::test]
async fn limits_outside_1_to_100_are_invalid() {
    let sarah = User::sarah().await;
    for limit in ["0", "101", "-1", "abc", "1.5", "99999999999999999999"] {
        let reply = sarah.get("/api/threads", &[("limit", limit)]).await;
        reply.assert_problem_in(400, "invalid_query", &["limit"]);
    }
}

#[tokio::test]
async fn a_cursor_that_nobody_gave_out_is_invalid() {
    let sarah = User::sarah().await;
    for cursor in ["garbage", "e30", "eyJzZXEiOjF9", "👪", "..", "0", &"A".repeat(3000)] {
        let reply = sarah.get("/api/threads", &[("cursor", cursor)]).await;
        reply.assert_problem(400, "invalid_cursor");
    }
}

#[tokio::test]
async fn another_users_cursor_shows_nothing_of_theirs() {
    let (sarah, michael) = User::sarah_and_michael().await;
    sarah.open_thread(&[]).await;
    sarah.open_thread(&[]).await;
    let (_, cursor) = list(&sarah, &[("limit", "1")]).await;
    let query = [("cursor", cursor.as_deref().unwrap())];
    let reply = michael.get("/api/threads", &query).await;
    if reply.status == 200 {
        list(&michael, &query).await;
    } else {
        reply.assert_problem(400, "invalid_cursor");
    }
}

#[tokio::test]
async fn unknown_parameters_are_ignored() {
    let (sarah, michael) = User::sarah_and_michael().await;
    list(&sarah, &[("userId", &michael.id), ("after", "abc")]).await;
}
