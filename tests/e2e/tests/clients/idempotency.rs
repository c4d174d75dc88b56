//! Tests of `POST /api/threads/{threadId}/messages` with an `Idempotency-Key`

use e2e::{Reply, User};
use futures::future::join_all;
use serde_json::json;

fn new_key() -> String {
    uuid::Uuid::now_v7().to_string()
}

fn is_replay(reply: &Reply) -> bool {
    reply.header("idempotency-replayed") == Some("true")
}

#[track_caller]
fn assert_new(reply: &Reply) {
    assert_eq!(reply.status, 201, "{reply}");
    assert!(!is_replay(reply), "{reply}");
}

#[track_caller]
fn assert_replay(reply: &Reply, of: &Reply) {
    assert!(matches!(reply.status, 200 | 201), "{reply}");
    assert!(is_replay(reply), "{reply}");
    assert_eq!(reply.json, of.json, "{reply}");
}

#[tokio::test]
async fn retry_with_same_key_returns_same_message() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let key = new_key();
    let body = json!({ "body": "once" });
    let first = sarah.post_message_with_key(&thread, key.as_bytes(), &body).await;
    assert_new(&first);
    sarah.send(&thread, "in between").await;
    for _ in 0..3 {
        let again = sarah.post_message_with_key(&thread, key.as_bytes(), &body).await;
        assert_replay(&again, &first);
    }
    assert_eq!(sarah.page(&thread, &[]).await.messages.len(), 2);
}

#[tokio::test]
async fn unknown_fields_do_not_change_the_content() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let key = new_key();
    let first = sarah.post_message_with_key(&thread, key.as_bytes(), &json!({ "body": "once" })).await;
    assert_new(&first);
    for body in [json!({ "body": "once", "fileIds": [] }), json!({ "body": "once", "sentFrom": "phone" })] {
        let again = sarah.post_message_with_key(&thread, key.as_bytes(), &body).await;
        assert_replay(&again, &first);
    }
}

#[tokio::test]
async fn same_key_with_other_content_is_refused() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let key = new_key();
    assert_new(&sarah.post_message_with_key(&thread, key.as_bytes(), &json!({ "body": "once" })).await);
    let other = sarah.post_message_with_key(&thread, key.as_bytes(), &json!({ "body": "twice" })).await;
    other.assert_problem(422, "idempotency_key_reused");
    assert_eq!(sarah.page(&thread, &[]).await.messages.len(), 1);
}

#[tokio::test]
async fn same_content_without_key_is_another_message() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    assert_ne!(sarah.send(&thread, "hello").await["id"], sarah.send(&thread, "hello").await["id"]);
}

#[tokio::test]
async fn users_can_use_the_same_key() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let key = new_key();
    let sarahs = sarah.post_message_with_key(&thread, key.as_bytes(), &json!({ "body": "mine" })).await;
    let michaels = michael.post_message_with_key(&thread, key.as_bytes(), &json!({ "body": "mine too" })).await;
    assert_new(&sarahs);
    assert_new(&michaels);
    assert_ne!(sarahs.json["id"], michaels.json["id"]);
}

#[tokio::test]
async fn threads_can_use_the_same_key() {
    let sarah = User::sarah().await;
    let key = new_key();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let thread = sarah.new_thread(&[]).await;
        let sent = sarah.post_message_with_key(&thread, key.as_bytes(), &json!({ "body": "hello" })).await;
        assert_new(&sent);
        ids.push(sent.json["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn refused_message_does_not_use_up_its_key() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let key = new_key();
    let refused = sarah.post_message_with_key(&thread, key.as_bytes(), &json!({ "body": "" })).await;
    refused.assert_problem(422, "invalid_request");
    assert_new(&sarah.post_message_with_key(&thread, key.as_bytes(), &json!({ "body": "hello" })).await);
}

#[tokio::test]
async fn concurrent_retries_store_one_message() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let key = new_key();
    let body = json!({ "body": "once" });
    let replies = join_all((0..16).map(|_| sarah.post_message_with_key(&thread, key.as_bytes(), &body))).await;
    let (retries, sent): (Vec<&Reply>, Vec<&Reply>) = replies.iter().partition(|reply| is_replay(reply));
    assert_eq!(sent.len(), 1, "{:?}", replies.iter().map(|reply| reply.status).collect::<Vec<_>>());
    assert_new(sent[0]);
    for retry in retries {
        assert_replay(retry, sent[0]);
    }
    assert_eq!(sarah.page(&thread, &[]).await.messages, [sent[0].json.clone()]);
}

#[tokio::test]
async fn concurrent_contents_with_one_key_store_one_message() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let key = new_key();
    let bodies: Vec<_> = (0..8).map(|n| json!({ "body": format!("content {n}") })).collect();
    let replies = join_all(bodies.iter().map(|body| sarah.post_message_with_key(&thread, key.as_bytes(), body))).await;
    let (sent, refused): (Vec<&Reply>, Vec<&Reply>) = replies.iter().partition(|reply| reply.status == 201);
    assert_eq!(sent.len(), 1, "{:?}", replies.iter().map(|reply| reply.status).collect::<Vec<_>>());
    for reply in refused {
        reply.assert_problem(422, "idempotency_key_reused");
    }
}

#[tokio::test]
async fn too_long_key_is_refused() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let reply = sarah.post_message_with_key(&thread, &[b'k'; 129], &json!({ "body": "hello" })).await;
    reply.assert_problem(400, "invalid_idempotency_key");
    assert!(sarah.page(&thread, &[]).await.messages.is_empty());
}
