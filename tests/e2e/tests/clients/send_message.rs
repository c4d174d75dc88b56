//! Tests of `POST /api/threads/{threadId}/messages`

use std::collections::BTreeSet;

use e2e::{User, assert_message, fetch, seq_of, text};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn response_equals_the_listed_message() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let sent = sarah.send(&thread, "Dinner at 6?").await;
    assert_message(&sent, &thread);
    assert_eq!(sent["body"], "Dinner at 6?");
    assert_eq!(sent["author"], json!({ "id": sarah.id, "name": "Sarah" }));
    assert_eq!(sent["seq"], 1);
    let answer = michael.send(&thread, "At 7.").await;
    assert_eq!(answer["author"], json!({ "id": michael.id, "name": "Michael" }));
    assert_eq!(answer["seq"], 2);
    for reader in [&sarah, &michael] {
        let page = reader.page(&thread, &[]).await;
        assert_eq!(page.messages, [answer.clone(), sent.clone()]);
        assert_eq!(page.next_cursor, None);
    }
}

#[tokio::test]
async fn seq_counts_from_1_without_gaps_in_each_thread() {
    let sarah = User::sarah().await;
    for _ in 0..2 {
        let thread = sarah.new_thread(&[]).await;
        for n in 1..=5 {
            assert_eq!(sarah.send(&thread, "next").await["seq"], n);
        }
    }
}

#[tokio::test]
async fn concurrent_messages_get_different_seqs() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let bodies: Vec<String> = (0..32).map(|n| format!("message {n}")).collect();
    let sent = join_all(bodies.iter().enumerate().map(|(n, body)| {
        let author = if n % 2 == 0 { &sarah } else { &michael };
        author.send(&thread, body)
    }))
    .await;
    let seqs: BTreeSet<u64> = sent.iter().map(seq_of).collect();
    assert_eq!(seqs, (1..=32).collect());
    for (message, body) in sent.iter().zip(&bodies) {
        assert_eq!(message["body"], *body);
    }
    let mut expected = sent;
    expected.sort_by_key(|message| std::cmp::Reverse(seq_of(message)));
    assert_eq!(sarah.page(&thread, &[]).await.messages, expected);
}

#[tokio::test]
async fn body_is_returned_unchanged() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let texts = [
        "  spaces around  ",
        "quotes \" ' ` and \\ backslash \\u0041",
        "line\nbreak\r\n\ttab",
        "nul \u{0} bell \u{7} delete \u{7f} separators \u{2028}\u{2029}",
        "composed é and decomposed e\u{301}",
        "👩\u{200d}👩\u{200d}👧\u{200d}👦 \u{202e}right to left",
        "<script>alert(1)</script> ${jndi} {{7*7}} %00 '; DROP TABLE",
        "{\"body\":\"nested\"}",
    ];
    for body in texts {
        assert_eq!(sarah.send(&thread, body).await["body"], body);
    }
    let listed = sarah.page(&thread, &[("after", "0")]).await.messages;
    let bodies: Vec<&str> = listed.iter().map(|message| text(&message["body"])).collect();
    assert_eq!(bodies, texts);
}

#[tokio::test]
async fn thread_of_longest_messages_can_be_listed() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let body = "👪".repeat(8000);
    join_all((0..40).map(|_| sarah.send(&thread, &body))).await;
    let all = sarah.pages(&thread, &[("limit", "100")]).await;
    let seqs: Vec<u64> = all.iter().map(seq_of).collect();
    assert_eq!(seqs, (1..=40).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn all_invalid_fields_are_named() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let reply = sarah.post_message(&thread, &json!({ "body": "x".repeat(8001), "fileIds": 7 })).await;
    reply.assert_problem_fields(422, "invalid_request", &["body", "fileIds"]);
}

#[tokio::test]
async fn refused_message_uses_no_seq() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    for invisible in ["", " \n", "\u{3000}", "\u{200b}\u{2060}"] {
        let reply = sarah.post_message(&thread, &json!({ "body": invisible })).await;
        reply.assert_problem_fields(422, "invalid_request", &["body"]);
    }
    let reply = sarah.post_message(&thread, &json!({ "body": "look", "fileIds": ["file_missing"] })).await;
    reply.assert_problem(422, "invalid_request");
    assert_eq!(sarah.send(&thread, "first").await["seq"], 1);
}

#[tokio::test]
async fn author_comes_from_the_token_only() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let body = json!({
        "body": "it is me",
        "id": "msg_mine",
        "seq": 99,
        "threadId": "thread_other",
        "createdAt": "1970-01-01T00:00:00.000Z",
        "author": { "id": michael.id, "name": "Michael" },
        "authorId": michael.id,
        "userId": michael.id,
    });
    let path = format!("/api/threads/{thread}/messages?userId={0}&author={0}", michael.id);
    let request = sarah
        .request(Method::POST, &path)
        .header("x-user-id", &michael.id)
        .header("x-amzn-oidc-identity", &michael.id)
        .json(&body);
    let sent = fetch(request).await.ok(201);
    assert_message(&sent, &thread);
    assert_eq!(sent["author"], json!({ "id": sarah.id, "name": "Sarah" }));
    assert_eq!(sent["seq"], 1);
    assert_ne!(sent["id"], "msg_mine");
    assert_ne!(sent["createdAt"], body["createdAt"]);
}

#[tokio::test]
async fn message_ids_are_unique() {
    let sarah = User::sarah().await;
    let (one, two) = (sarah.new_thread(&[]).await, sarah.new_thread(&[]).await);
    let sent = [sarah.send(&one, "a").await, sarah.send(&one, "a").await, sarah.send(&two, "a").await];
    let ids: BTreeSet<&str> = sent.iter().map(|message: &Value| text(&message["id"])).collect();
    assert_eq!(ids.len(), 3, "{sent:?}");
}
