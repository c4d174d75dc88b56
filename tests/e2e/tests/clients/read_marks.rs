//! Tests of read marks: `PUT /api/threads/{threadId}/read`, and `readSeq`, `reads` and `unreadCount` in answers.

use e2e::{User, eventually, items};
use futures::future::join_all;
use serde_json::{Value, json};

/// Creates a thread of both users with `count` messages by `author`, and waits until the list shows the last one.
async fn thread_with(author: &User, reader: &User, count: u64) -> String {
    let thread = author.new_thread(&[reader]).await;
    for n in 1..=count {
        author.send(&thread, &format!("message {n}")).await;
    }
    eventually("the thread shows its last message", async || {
        (author.thread(&thread).await["lastSeq"] == count).then_some(())
    })
    .await;
    thread
}

/// Returns the member's read mark in the thread's `reads`, or `None` if it is not shown.
fn shown(thread: &Value, member: &User) -> Option<Value> {
    items(&thread["reads"]).iter().find(|read| read["userId"] == *member.id).map(|read| read["seq"].clone())
}

#[tokio::test]
async fn two_devices_of_a_user_see_the_same_mark_and_it_never_moves_back() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let other_device = User::michael().await;
    let thread = thread_with(&sarah, &michael, 3).await;
    let unread = michael.listed(&thread, false).await.unwrap();
    assert_eq!((&unread["readSeq"], &unread["unreadCount"]), (&json!(0), &json!(3)));
    for (seq, expected) in [(2, 2), (1, 2), (0, 2), (2, 2), (3, 3), (2, 3)] {
        assert_eq!(other_device.mark_read(&thread, seq).await, expected, "{seq}");
        let listed = michael.listed(&thread, false).await.unwrap();
        assert_eq!((&listed["readSeq"], &listed["unreadCount"]), (&json!(expected), &json!(3 - expected)));
        assert_eq!(michael.thread(&thread).await["readSeq"], expected);
        assert_eq!(shown(&sarah.thread(&thread).await, &michael), Some(json!(expected)));
    }
}

#[tokio::test]
async fn concurrent_marks_of_two_devices_end_at_the_largest() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = thread_with(&sarah, &michael, 8).await;
    let devices = [&michael, &User::michael().await];
    let marks = (0..16u64).map(|n| (devices[usize::from(n % 2 == 0)], n * 5 % 9));
    join_all(marks.map(async |(device, seq)| {
        let mark = device.mark_read(&thread, seq).await;
        assert!((seq..=8).contains(&mark), "the mark in effect is {mark}, after one of {seq}");
    }))
    .await;
    assert_eq!(michael.thread(&thread).await["readSeq"], 8);
}

#[tokio::test]
async fn sending_marks_everything_up_to_the_message_as_read_by_its_author() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = thread_with(&sarah, &michael, 2).await;
    michael.send(&thread, "I have read it").await;
    eventually("the author's mark moves", async || {
        let (his, hers) = (michael.listed(&thread, false).await?, sarah.listed(&thread, false).await?);
        let settled = his["readSeq"] == 3 && hers["lastSeq"] == 3 && hers["readSeq"] == 2;
        settled.then(|| assert_eq!((&his["unreadCount"], &hers["unreadCount"]), (&json!(0), &json!(1))))
    })
    .await;
}

#[tokio::test]
async fn just_sent_message_can_be_marked_before_the_list_shows_it() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    for seq in 1..=5 {
        sarah.send(&thread, "hello").await;
        assert_eq!(michael.mark_read(&thread, seq).await, seq);
    }
}

#[tokio::test]
async fn mark_of_a_missing_message_is_refused_and_changes_nothing() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = thread_with(&sarah, &michael, 2).await;
    assert_eq!(michael.mark_read(&thread, 1).await, 1);
    let path = format!("/api/threads/{thread}/read");
    let beyond = [json!(3), json!(9_007_199_254_740_991_u64), json!(9_007_199_254_740_992_u64), json!(1e300)];
    let invalid = [json!(-1), json!(1.5), json!("2"), json!(true), Value::Null, json!([2]), json!({})];
    for seq in beyond.into_iter().chain(invalid) {
        let reply = michael.put(&path, &json!({ "seq": seq })).await;
        reply.assert_problem_fields(422, "invalid_request", &["seq"]);
    }
    michael.put(&path, &json!({ "readSeq": 2 })).await.assert_problem_fields(422, "invalid_request", &["seq"]);
    assert_eq!(michael.thread(&thread).await["readSeq"], 1);
}

#[tokio::test]
async fn mark_of_a_non_member_is_not_found_and_creates_no_membership() {
    let (sarah, dad) = (User::sarah().await, User::dad().await);
    let thread = sarah.new_thread(&[]).await;
    sarah.send(&thread, "private").await;
    for seq in [0, 1, 99] {
        let reply = dad.put(&format!("/api/threads/{thread}/read"), &json!({ "seq": seq })).await;
        reply.assert_problem(404, "thread_not_found");
    }
    for archived in [false, true] {
        assert_eq!(dad.listed(&thread, archived).await, None);
    }
    dad.get(&format!("/api/threads/{thread}"), &[]).await.assert_problem(404, "thread_not_found");
    assert_eq!(shown(&sarah.thread(&thread).await, &dad), None);
}

#[tokio::test]
async fn client_that_never_marks_anything_sees_its_threads_as_before() {
    // A client that was written before read marks existed ignores their fields. The fields that it reads have not
    // changed.
    let (sarah, michael) = User::sarah_and_michael().await;
    let created = sarah.create_thread(&[&michael.id, &e2e::known_user_id().await]).await.ok(201);
    let thread = created["id"].as_str().unwrap();
    let sent = michael.send(thread, "Dinner at 6?").await;
    let listed = eventually("the list shows the message", async || {
        sarah.listed(thread, false).await.filter(|listed| !listed["lastMessage"].is_null())
    })
    .await;
    for field in ["id", "title", "memberIds", "createdAt"] {
        assert_eq!(listed[field], created[field], "{field}");
        assert_eq!(sarah.thread(thread).await[field], created[field], "{field}");
    }
    assert_eq!(listed["updatedAt"], sent["createdAt"]);
    for field in ["id", "body", "author", "createdAt", "attachments"] {
        assert_eq!(listed["lastMessage"][field], sent[field], "{field}");
    }
}
