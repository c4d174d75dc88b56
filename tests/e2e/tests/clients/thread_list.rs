//! Tests of `GET /api/threads`
//!
//! Most of these tests rely on the order of Dad's threads, which new threads and messages change. So tests in other
//! modules do not create threads with Dad as a member, and a lock runs the tests in this module one at a time.

use std::collections::HashSet;

use e2e::{User, assert_keys, assert_preview, assert_thread, eventually, items, known_user_id, text};
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// Lock that a test holds while it relies on the order of Dad's threads.
static DADS_THREADS: Mutex<()> = Mutex::const_new(());

async fn list(user: &User, query: &[(&str, &str)]) -> (Vec<Value>, Option<String>) {
    let mut page = user.get("/api/threads", query).await.ok(200);
    assert_keys(&page, &["threads", "nextCursor"]);
    let Value::Array(threads) = page["threads"].take() else { panic!("`threads` is not a list: {page}") };
    for thread in &threads {
        let own = ["readSeq", "archived", "mutedUntil", "unreadCount"];
        assert_thread(thread, &[&["memberNames", "lastSeq", "lastMessage"], &own[..]].concat());
        let number =
            |field: &str| thread[field].as_u64().unwrap_or_else(|| panic!("{field} is not a number: {thread}"));
        assert_eq!(number("unreadCount"), number("lastSeq").saturating_sub(number("readSeq")), "{thread}");
        assert_eq!(thread["lastMessage"].is_null(), number("lastSeq") == 0, "{thread}");
        let members = items(&thread["memberIds"]);
        assert!(members.iter().any(|id| *id == user.id), "{} is not a member: {thread}", user.name);
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

/// Sends a message and waits until the thread list shows it as the thread's last message. Returns the thread as listed.
async fn send_and_wait_for_list(user: &User, thread: &str, body: &str) -> Value {
    let message = user.send(thread, body).await;
    eventually("the list shows the message", async || {
        let listed = newest(user).await.into_iter().find(|listed| listed["id"] == thread)?;
        (listed["lastMessage"]["id"] == message["id"]).then_some(listed)
    })
    .await
}

#[tokio::test]
async fn new_thread_is_first_and_has_no_last_message() {
    let _turn = DADS_THREADS.lock().await;
    let dad = User::dad().await;
    let fresh = known_user_id().await;
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
async fn thread_created_by_another_member_is_listed() {
    let _turn = DADS_THREADS.lock().await;
    let (sarah, dad) = (User::sarah().await, User::dad().await);
    let thread = sarah.new_thread(&[&dad]).await;
    assert!(ids(&newest(&dad).await).contains(&thread.as_str()));
}

#[tokio::test]
async fn thread_of_others_is_not_listed() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let private = sarah.new_thread(&[]).await;
    let shared = sarah.new_thread(&[&michael]).await;
    let (threads, _) = list(&michael, &[("limit", "100")]).await;
    assert!(ids(&threads).contains(&shared.as_str()));
    assert!(!ids(&threads).contains(&private.as_str()));
}

#[tokio::test]
async fn message_becomes_last_message_and_moves_its_thread_first() {
    let _turn = DADS_THREADS.lock().await;
    let dad = User::dad().await;
    let (old, new) = (dad.new_thread(&[]).await, dad.new_thread(&[]).await);
    assert_eq!(ids(&newest(&dad).await)[..2], [new.as_str(), old.as_str()]);

    let listed = send_and_wait_for_list(&dad, &old, "Dinner at 6?").await;
    let last = &listed["lastMessage"];
    assert_eq!(last["body"], "Dinner at 6?", "{last}");
    assert_eq!(last["seq"], 1, "{last}");
    assert_eq!(last["author"], json!({ "id": dad.id, "name": "Dad" }), "{last}");
    assert_preview(last, &old, &[]);
    assert!(text(&listed["updatedAt"]) >= text(&last["createdAt"]), "{listed}");
    assert_eq!(ids(&newest(&dad).await)[..2], [old.as_str(), new.as_str()]);

    send_and_wait_for_list(&dad, &new, "At 7.").await;
    assert_eq!(ids(&newest(&dad).await)[..2], [new.as_str(), old.as_str()]);
}

#[tokio::test]
async fn last_message_is_cut_to_200_characters() {
    let _turn = DADS_THREADS.lock().await;
    let dad = User::dad().await;
    let thread = dad.new_thread(&[]).await;
    for (body, cut) in [("🏡".repeat(200), false), ("ä".repeat(201), true), ("x".repeat(8_000), true)] {
        let last = send_and_wait_for_list(&dad, &thread, &body).await["lastMessage"].take();
        assert_preview(&last, &thread, &[]);
        assert_eq!(text(&last["body"]), body.chars().take(200).collect::<String>());
        assert_eq!(last.get("truncated").is_some(), cut, "{last}");
    }
}

#[tokio::test]
async fn last_message_has_the_largest_seq_after_concurrent_sends() {
    let _turn = DADS_THREADS.lock().await;
    let dad = User::dad().await;
    let thread = dad.new_thread(&[]).await;
    join_all((0..8).map(|_| dad.send(&thread, "all at once"))).await;
    send_and_wait_for_list(&dad, &thread, "done").await;
    let first = newest(&dad).await.swap_remove(0);
    assert_eq!(first["lastMessage"]["seq"], 9, "{first}");
}

#[tokio::test]
async fn small_pages_equal_a_large_page() {
    let _turn = DADS_THREADS.lock().await;
    let dad = User::dad().await;
    for _ in 0..4 {
        dad.new_thread(&[]).await;
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
async fn paging_shows_each_thread_once() {
    let _turn = DADS_THREADS.lock().await;
    let dad = User::dad().await;
    let mine = [dad.new_thread(&[]).await, dad.new_thread(&[]).await, dad.new_thread(&[]).await];
    let mut seen = HashSet::new();
    let mut last_activity: Option<String> = None;
    let (mut threads, mut next) = list(&dad, &[("limit", "3")]).await;
    loop {
        for thread in &threads {
            assert!(seen.insert(text(&thread["id"]).to_owned()), "listed twice: {thread}");
            let activity = text(&thread["updatedAt"]).to_owned();
            assert!(last_activity.is_none_or(|last| last >= activity), "not sorted by activity: {thread}");
            last_activity = Some(activity);
        }
        let Some(cursor) = next else { break };
        (threads, next) = list(&dad, &[("limit", "100"), ("cursor", &cursor)]).await;
    }
    assert!(mine.iter().all(|id| seen.contains(id)));
}

#[tokio::test]
async fn invalid_limit_and_cursor_are_refused() {
    let sarah = User::sarah().await;
    let reply = sarah.get("/api/threads", &[("limit", "101")]).await;
    reply.assert_problem_fields(400, "invalid_query", &["limit"]);
    for archived in ["", "1", "True", "archived"] {
        let reply = sarah.get("/api/threads", &[("archived", archived), ("limit", "0")]).await;
        reply.assert_problem_fields(400, "invalid_query", &["archived", "limit"]);
    }
    let thread = sarah.new_thread(&[]).await;
    sarah.send_many(&thread, 2).await;
    let of_messages = sarah.page(&thread, &[("limit", "1")]).await.next_cursor.unwrap();
    for cursor in ["garbage", &of_messages] {
        sarah.get("/api/threads", &[("cursor", cursor)]).await.assert_problem(400, "invalid_cursor");
    }
}

#[tokio::test]
async fn cursor_of_another_user_shows_no_other_threads() {
    let (sarah, michael) = User::sarah_and_michael().await;
    sarah.new_thread(&[]).await;
    sarah.new_thread(&[]).await;
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
async fn unknown_parameters_change_nothing() {
    let (sarah, michael) = User::sarah_and_michael().await;
    list(&sarah, &[("userId", &michael.id), ("after", "abc")]).await;
}
