//! POST /api/threads/{threadId}/messages

use std::collections::BTreeSet;

use e2e::{User, assert_message, fetch, seq_of, text};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_message_is_answered_as_it_will_be_listed() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let sent = sarah.say(&thread, "Dinner at 6?").await;
    assert_message(&sent, &thread);
    assert_eq!(sent["body"], "Dinner at 6?");
    assert_eq!(sent["author"], json!({ "id": sarah.id, "name": "Sarah" }));
    assert_eq!(sent["seq"], 1);
    let answer = michael.say(&thread, "At 7.").await;
    assert_eq!(answer["author"], json!({ "id": michael.id, "name": "Michael" }));
    assert_eq!(answer["seq"], 2);
    for reader in [&sarah, &michael] {
        let page = reader.page(&thread, &[]).await;
        assert_eq!(page.messages, [answer.clone(), sent.clone()]);
        assert_eq!(page.next_cursor, None);
    }
}

#[tokio::test]
async fn seq_starts_at_1_in_each_thread_and_has_no_gap() {
    let sarah = User::sarah().await;
    for _ in 0..2 {
        let thread = sarah.open_thread(&[]).await;
        for n in 1..=5 {
            assert_eq!(sarah.say(&thread, "next").await["seq"], n);
        }
    }
}

#[tokio::test]
async fn concurrent_messages_all_get_a_seq_of_their_own() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let bodies: Vec<String> = (0..32).map(|n| format!("message {n}")).collect();
    let sent = join_all(bodies.iter().enumerate().map(|(n, body)| {
        let author = if n % 2 == 0 { &sarah } else { &michael };
        author.say(&thread, body)
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
async fn any_text_comes_back_as_it_was_sent() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
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
        assert_eq!(sarah.say(&thread, body).await["body"], body);
    }
    let listed = sarah.page(&thread, &[("after", "0")]).await.messages;
    let bodies: Vec<&str> = listed.iter().map(|message| text(&message["body"])).collect();
    assert_eq!(bodies, texts);
}

#[tokio::test]
async fn a_body_has_at_most_8000_characters_however_wide() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    for letter in ["x", "é", "👪", "\u{1}"] {
        let body = letter.repeat(8000);
        let sent = sarah.say(&thread, &body).await;
        assert_eq!(sent["body"], body);
        let listed = sarah.page(&thread, &[("limit", "1")]).await;
        assert_eq!(listed.messages, [sent]);
        let reply = sarah.post_message(&thread, &json!({ "body": letter.repeat(8001) })).await;
        reply.assert_problem_in(422, "invalid_request", &["body"]);
    }
}

#[tokio::test]
async fn the_longest_messages_can_all_be_listed() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let body = "👪".repeat(8000);
    join_all((0..40).map(|_| sarah.say(&thread, &body))).await;
    let all = sarah.pages(&thread, &[("limit", "100")]).await;
    let seqs: Vec<u64> = all.iter().map(seq_of).collect();
    assert_eq!(seqs, (1..=40).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_body_without_files_may_not_be_empty() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    for body in [json!({}), json!({ "body": "" }), json!({ "body": "", "fileIds": [] }), json!({ "fileIds": [] })] {
        let reply = sarah.post_message(&thread, &body).await;
        reply.assert_problem_in(422, "invalid_request", &["body"]);
    }
}

#[tokio::test]
async fn unknown_files_are_refused() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    for ids in [json!(["file_nope"]), json!(["nope"]), json!([""]), json!(["file_nope", "file_nope"])] {
        let reply = sarah.post_message(&thread, &json!({ "body": "look", "fileIds": ids })).await;
        reply.assert_problem_in(422, "invalid_request", &["fileIds"]);
    }
    let reply = sarah.post_message(&thread, &json!({ "body": "", "fileIds": ["file_nope"] })).await;
    assert!(reply.fields().contains("fileIds"), "{reply}");
    reply.assert_problem(422, "invalid_request");
}

#[tokio::test]
async fn more_than_ten_files_are_refused() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let ids: Vec<String> = (0..11).map(|n| format!("file_{n}")).collect();
    let reply = sarah.post_message(&thread, &json!({ "body": "look", "fileIds": ids })).await;
    reply.assert_problem_in(422, "invalid_request", &["fileIds"]);
}

#[tokio::test]
async fn every_offending_field_is_named() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let cases = [
        (json!({ "body": 1 }), vec!["body"]),
        (json!({ "body": ["a"] }), vec!["body"]),
        (json!({ "body": "hi", "fileIds": "file_1" }), vec!["fileIds"]),
        (json!({ "body": "hi", "fileIds": [1] }), vec!["fileIds"]),
        (json!({ "body": {}, "fileIds": 7 }), vec!["body", "fileIds"]),
        (json!({ "body": "x".repeat(8001), "fileIds": [null] }), vec!["body", "fileIds"]),
    ];
    for (body, fields) in cases {
        let reply = sarah.post_message(&thread, &body).await;
        reply.assert_problem_in(422, "invalid_request", &fields);
    }
}

#[tokio::test]
async fn a_body_that_is_not_an_object_is_invalid() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    for body in [json!([]), json!("hi"), json!(null)] {
        sarah.post_message(&thread, &body).await.assert_problem(422, "invalid_request");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_malformed() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let path = format!("/api/threads/{thread}/messages");
    for body in ["", "{\"body\":\"hi\"", "hi", "{\"body\":\"line\nbreak\"}"] {
        sarah.post_raw(&path, body).await.assert_problem(400, "malformed_json");
    }
    let half_a_character = sarah.post_raw(&path, "{\"body\":\"\\ud800\"}").await;
    half_a_character.assert_problem_of(&[400, 422], &["malformed_json", "invalid_request"]);
}

#[tokio::test]
async fn a_refused_message_leaves_no_trace() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    sarah.post_message(&thread, &json!({ "body": "" })).await.assert_problem(422, "invalid_request");
    let reply = sarah.post_message(&thread, &json!({ "body": "look", "fileIds": ["file_nope"] })).await;
    reply.assert_problem(422, "invalid_request");
    assert_eq!(sarah.say(&thread, "first").await["seq"], 1);
}

#[tokio::test]
async fn only_the_token_says_who_writes() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
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
async fn messages_have_ids_of_their_own() {
    let sarah = User::sarah().await;
    let (one, two) = (sarah.open_thread(&[]).await, sarah.open_thread(&[]).await);
    let sent = [sarah.say(&one, "a").await, sarah.say(&one, "a").await, sarah.say(&two, "a").await];
    let ids: BTreeSet<&str> = sent.iter().map(|message: &Value| text(&message["id"])).collect();
    assert_eq!(ids.len(), 3, "{sent:?}");
}
