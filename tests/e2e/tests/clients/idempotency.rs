//! POST /api/threads/{threadId}/messages with an Idempotency-Key

use e2e::{Reply, User, fresh_member};
use futures::future::join_all;
use serde_json::json;

fn fresh_key() -> String {
    fresh_member()
}

fn replayed(reply: &Reply) -> bool {
    reply.header("idempotency-replayed") == Some("true")
}

#[track_caller]
fn assert_sent(reply: &Reply) {
    assert_eq!(reply.status, 201, "{reply}");
    assert!(!replayed(reply), "{reply}");
}

#[track_caller]
fn assert_replay(reply: &Reply, of: &Reply) {
    assert!(matches!(reply.status, 200 | 201), "{reply}");
    assert!(replayed(reply), "{reply}");
    assert_eq!(reply.json, of.json, "{reply}");
}

#[tokio::test]
async fn a_retry_answers_with_the_same_message() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let key = fresh_key();
    let body = json!({ "body": "once" });
    let first = sarah.post_message_once(&thread, key.as_bytes(), &body).await;
    assert_sent(&first);
    sarah.say(&thread, "in between").await;
    for _ in 0..3 {
        let again = sarah.post_message_once(&thread, key.as_bytes(), &body).await;
        assert_replay(&again, &first);
    }
    assert_eq!(sarah.page(&thread, &[]).await.messages.len(), 2);
}

#[tokio::test]
async fn what_is_ignored_does_not_make_another_content() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let key = fresh_key();
    let first = sarah.post_message_once(&thread, key.as_bytes(), &json!({ "body": "once" })).await;
    assert_sent(&first);
    for body in [json!({ "body": "once", "fileIds": [] }), json!({ "body": "once", "sentFrom": "phone" })] {
        let again = sarah.post_message_once(&thread, key.as_bytes(), &body).await;
        assert_replay(&again, &first);
    }
}

#[tokio::test]
async fn the_same_key_with_other_content_is_refused() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let key = fresh_key();
    assert_sent(&sarah.post_message_once(&thread, key.as_bytes(), &json!({ "body": "once" })).await);
    let other = sarah.post_message_once(&thread, key.as_bytes(), &json!({ "body": "twice" })).await;
    other.assert_problem(422, "idempotency_key_reused");
    assert_eq!(sarah.page(&thread, &[]).await.messages.len(), 1);
}

#[tokio::test]
async fn without_a_key_the_same_content_is_another_message() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    assert_ne!(sarah.say(&thread, "hello").await["id"], sarah.say(&thread, "hello").await["id"]);
}

#[tokio::test]
async fn a_key_is_the_callers_own() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let key = fresh_key();
    let hers = sarah.post_message_once(&thread, key.as_bytes(), &json!({ "body": "mine" })).await;
    let his = michael.post_message_once(&thread, key.as_bytes(), &json!({ "body": "mine too" })).await;
    assert_sent(&hers);
    assert_sent(&his);
    assert_ne!(hers.json["id"], his.json["id"]);
}

#[tokio::test]
async fn a_key_belongs_to_one_thread() {
    let sarah = User::sarah().await;
    let key = fresh_key();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let thread = sarah.open_thread(&[]).await;
        let sent = sarah.post_message_once(&thread, key.as_bytes(), &json!({ "body": "hello" })).await;
        assert_sent(&sent);
        ids.push(sent.json["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_refused_message_does_not_use_its_key_up() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let key = fresh_key();
    let refused = sarah.post_message_once(&thread, key.as_bytes(), &json!({ "body": "" })).await;
    refused.assert_problem(422, "invalid_request");
    assert_sent(&sarah.post_message_once(&thread, key.as_bytes(), &json!({ "body": "hello" })).await);
}

#[tokio::test]
async fn concurrent_retries_make_one_message() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let key = fresh_key();
    let body = json!({ "body": "once" });
    let replies = join_all((0..16).map(|_| sarah.post_message_once(&thread, key.as_bytes(), &body))).await;
    let (retries, sent): (Vec<&Reply>, Vec<&Reply>) = replies.iter().partition(|reply| replayed(reply));
    assert_eq!(sent.len(), 1, "{:?}", replies.iter().map(|reply| reply.status).collect::<Vec<_>>());
    assert_sent(sent[0]);
    for retry in retries {
        assert_replay(retry, sent[0]);
    }
    assert_eq!(sarah.page(&thread, &[]).await.messages, [sent[0].json.clone()]);
}

#[tokio::test]
async fn of_concurrent_contents_under_one_key_one_wins() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let key = fresh_key();
    let bodies: Vec<_> = (0..8).map(|n| json!({ "body": format!("content {n}") })).collect();
    let replies = join_all(bodies.iter().map(|body| sarah.post_message_once(&thread, key.as_bytes(), body))).await;
    let (sent, refused): (Vec<&Reply>, Vec<&Reply>) = replies.iter().partition(|reply| reply.status == 201);
    assert_eq!(sent.len(), 1, "{:?}", replies.iter().map(|reply| reply.status).collect::<Vec<_>>());
    for reply in refused {
        reply.assert_problem(422, "idempotency_key_reused");
    }
}

#[tokio::test]
async fn a_key_has_at_most_128_visible_ascii_characters() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let body = json!({ "body": "hello" });
    let longest = format!("{}{}", fresh_key(), "!~#/".repeat(32));
    assert_sent(&sarah.post_message_once(&thread, &longest.as_bytes()[..128], &body).await);
    let too_long = &longest.as_bytes()[..129];
    for key in [too_long, b"a b", "k\u{e9}y".as_bytes(), b"a\tb"] {
        let reply = sarah.post_message_once(&thread, key, &body).await;
        reply.assert_problem_of(&[400, 422], &["invalid_idempotency_key"]);
    }
    assert_eq!(sarah.page(&thread, &[]).await.messages.len(), 1);
}
