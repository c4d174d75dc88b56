//! Tests of the quotas of a user, at the values that the stack has. They set the user's counters to just below the limit,
//! because a stack for tests has high limits.

use e2e::{Operator, Quotas, Reply, Socket, Stack, User, known_user_id, text};
use serde_json::json;

use crate::exclusive;

const DAY: u64 = 24 * 60 * 60;

/// Creates a file of `size` bytes as `user`.
async fn create_file(user: &User, size: u64) -> Reply {
    user.post("/api/files", &json!({ "filename": "a.txt", "mimetype": "text/plain", "size": size })).await
}

/// Checks that a response refuses the request with the given code, and says within which time to retry.
fn assert_refused(reply: &Reply, code: &str, at_most: u64) {
    reply.assert_problem(429, code);
    let retry_after = reply.header("retry-after").unwrap_or_else(|| panic!("no Retry-After: {reply}"));
    let seconds: u64 = retry_after.parse().unwrap_or_else(|error| panic!("Retry-After: {error}: {reply}"));
    assert!((1..=at_most).contains(&seconds), "Retry-After is {seconds}");
}

#[tokio::test]
async fn thread_over_the_quota_of_the_day_is_refused_and_finding_one_is_not() {
    let _exclusive = exclusive().await;
    let (dad, operator) = (User::dad().await, Operator::new());
    let Quotas { threads_per_day, .. } = Stack::get().quotas;
    operator.set_counters(&dad.id, "threads", true, &[("count", threads_per_day - 1)]).await;
    let (last, refused) = (known_user_id().await, known_user_id().await);
    let created = dad.create_thread(&[&last]).await.ok(201);
    for _ in 0..2 {
        assert_refused(&dad.create_thread(&[&refused]).await, "quota_exceeded", DAY);
    }
    assert_eq!(dad.create_thread(&[&last]).await.ok(200)["id"], created["id"]);
    operator.delete_counters(&dad.id).await;
    _ = dad.create_thread(&[&refused]).await.ok(201);
}

#[tokio::test]
async fn file_over_the_quotas_of_the_day_is_refused() {
    let _exclusive = exclusive().await;
    let (dad, operator) = (User::dad().await, Operator::new());
    let Quotas { uploads_per_day, upload_bytes_per_day, .. } = Stack::get().quotas;
    operator.set_counters(&dad.id, "uploads", true, &[("count", uploads_per_day - 1), ("bytes", 0)]).await;
    _ = create_file(&dad, 1).await.ok(200);
    assert_refused(&create_file(&dad, 1).await, "quota_exceeded", DAY);

    operator.set_counters(&dad.id, "uploads", true, &[("count", 0), ("bytes", upload_bytes_per_day - 10)]).await;
    assert_refused(&create_file(&dad, 11).await, "quota_exceeded", DAY);
    _ = create_file(&dad, 10).await.ok(200);
    assert_refused(&create_file(&dad, 1).await, "quota_exceeded", DAY);
    operator.delete_counters(&dad.id).await;
}

#[tokio::test]
async fn messages_over_the_rate_are_refused_within_ten_messages_of_an_instance() {
    /// Each instance may accept 10 messages more. On the local cloud, an instance is a process. Requests that follow
    /// each other reach few processes; the test allows four.
    const MOST_ACCEPTED: usize = 10 * 4;
    let _exclusive = exclusive().await;
    let (dad, sarah, operator) = (User::dad().await, User::sarah().await, Operator::new());
    let thread = &dad.new_thread(&[&sarah]).await;
    let Quotas { messages_per_minute, .. } = Stack::get().quotas;
    operator.set_counters(&dad.id, "messages", false, &[("count", messages_per_minute)]).await;
    let mut accepted = 0;
    let refused = loop {
        let reply = dad.post_message(thread, &json!({ "body": format!("message {accepted}") })).await;
        if reply.status != 201 {
            break reply;
        }
        accepted += 1;
        assert!(accepted <= MOST_ACCEPTED, "accepted {accepted} messages");
    };
    assert_refused(&refused, "rate_limited", 60);
    assert_eq!(sarah.pages(thread, &[]).await.len(), accepted, "the refused message is stored");
    sarah.send(thread, "Sarah has a rate of her own").await;
    operator.delete_counters(&dad.id).await;
}

#[tokio::test]
async fn oldest_socket_over_the_limit_is_told_and_closed() {
    let _exclusive = exclusive().await;
    let (dad, operator) = (User::dad().await, Operator::new());
    let others = Stack::get().quotas.connections_per_user - 1;
    let mut oldest = dad.connect().await;
    operator.pretend_connections(&dad.id, others, true).await;
    let mut newest: Socket = dad.connect().await;
    let error = oldest.wait_for("an error event", |frame| frame["event"] == "error").await;
    assert_eq!(text(&error["data"]["code"]), "too_many_connections", "{error}");
    assert_eq!(oldest.next_frame_or_close().await, None);
    newest.ping().await;
    operator.pretend_connections(&dad.id, others, false).await;
}
