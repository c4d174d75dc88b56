//! Tests of edits, deletions, reactions and replies, and of clients that missed them.

use e2e::{Reply, User, assert_keys, assert_message, assert_timestamp, eventually, fetch, items, seq_of};
use reqwest::Method;
use serde_json::{Value, json};

async fn edit(user: &User, thread: &str, seq: u64, body: &str) -> Reply {
    user.patch(&format!("/api/threads/{thread}/messages/{seq}"), &json!({ "body": body })).await
}

pub(crate) async fn delete(user: &User, thread: &str, seq: u64) -> Reply {
    fetch(user.request(Method::DELETE, &format!("/api/threads/{thread}/messages/{seq}"))).await
}

async fn react(user: &User, thread: &str, seq: u64, emoji: &str) -> Reply {
    user.put(&format!("/api/threads/{thread}/messages/{seq}/reaction"), &json!({ "emoji": emoji })).await
}

async fn unreact(user: &User, thread: &str, seq: u64) -> Reply {
    fetch(user.request(Method::DELETE, &format!("/api/threads/{thread}/messages/{seq}/reaction"))).await
}

async fn reply_to(user: &User, thread: &str, seq: u64, body: &str) -> Value {
    user.post_message(thread, &json!({ "body": body, "replyTo": seq })).await.ok(201)
}

async fn changes(user: &User, thread: &str, after: u64) -> Value {
    user.get(&format!("/api/threads/{thread}/changes"), &[("after", &after.to_string())]).await.ok(200)
}

#[tokio::test]
async fn edit_reaches_viewers_inboxes_and_lists() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let (mut viewer, mut inbox) = (michael.connect_and_subscribe(&thread).await, michael.connect_inbox().await);
    let sent = sarah.send(&thread, "Dinner at 6?").await;
    let edited = edit(&sarah, &thread, 1, "Dinner at 7?").await.ok(200);
    assert_timestamp(&edited["editedAt"]);
    let mut unedited = edited.clone();
    unedited.as_object_mut().unwrap().remove("editedAt");
    (unedited["rev"], unedited["body"]) = (json!(0), json!("Dinner at 6?"));
    assert_eq!(unedited, sent, "the edit has changed other fields");
    let data = viewer.wait_for_event("message:changed", &thread, |_| true).await;
    assert_eq!(data, json!({ "threadId": thread, "rev": 1, "message": edited }));
    let update =
        inbox.wait_for_event("thread:updated", &thread, |data| data["thread"]["lastMessage"]["rev"] == 1).await;
    assert_eq!(update["thread"]["lastMessage"]["body"], "Dinner at 7?");
    assert_eq!(update["thread"]["updatedAt"], sent["createdAt"]);
    assert_eq!(michael.page(&thread, &[]).await.messages, std::slice::from_ref(&edited));
    assert_eq!(changes(&michael, &thread, 0).await, json!({ "messages": [edited], "rev": 1, "nextCursor": null }));
}

#[tokio::test]
async fn deleted_text_is_nowhere_afterwards() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let (mut viewer, mut inbox) = (michael.connect_and_subscribe(&thread).await, michael.connect_inbox().await);
    sarah.send(&thread, "the secret").await;
    reply_to(&michael, &thread, 1, "What?").await;
    let _ = react(&michael, &thread, 1, "😮").await.ok(200);
    let _ = delete(&michael, &thread, 2).await.ok(200);
    let tombstone = delete(&sarah, &thread, 1).await.ok(200);
    assert_keys(
        &tombstone,
        &["id", "threadId", "seq", "rev", "body", "author", "attachments", "createdAt", "deletedAt", "reactions"],
    );
    assert_eq!((&tombstone["body"], &tombstone["reactions"], &tombstone["rev"]), (&json!(""), &json!([]), &json!(3)));
    let data = viewer.wait_for_event("message:changed", &thread, |data| data["rev"] == 3).await;
    assert_eq!(data["message"], tombstone);
    // Message 2 is the last one, so its deletion is shown in lists of threads.
    inbox
        .wait_for_event("thread:updated", &thread, |data| data["thread"]["lastMessage"]["deletedAt"].is_string())
        .await;
    let listed = eventually("the list shows the tombstone", async || {
        michael.listed(&thread, false).await.filter(|listed| listed["lastMessage"]["deletedAt"].is_string())
    });
    assert_eq!(listed.await["lastMessage"]["body"], "");
    for path in ["messages", "messages?after=0", "changes?after=0", ""] {
        let path = format!("/api/threads/{thread}/{path}");
        let reply = fetch(michael.request(Method::GET, path.trim_end_matches('/'))).await;
        assert!(reply.status == 200 && !reply.text.contains("secret"), "{reply}");
    }
    // The deleted message can be neither edited nor reacted to, and deleting it again changes nothing.
    edit(&sarah, &thread, 1, "again").await.assert_problem(409, "message_deleted");
    react(&michael, &thread, 1, "👍").await.assert_problem(409, "message_deleted");
    assert_eq!(delete(&sarah, &thread, 1).await.ok(200), tombstone);
}

#[tokio::test]
async fn client_of_the_first_version_sees_a_deleted_message_as_an_empty_one() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let file = sarah.upload("list.txt", "text/plain", b"milk").await;
    let sent = sarah.send_files(&thread, "buy this", &[&file]).await;
    sarah.send(&thread, "please").await;
    let _ = delete(&sarah, &thread, 1).await.ok(200);
    let listed = michael.page(&thread, &[("after", "0")]).await.messages;
    assert_eq!(listed.iter().map(seq_of).collect::<Vec<_>>(), [1, 2]);
    // The fields of a message that a client of the first version knows.
    let known = ["id", "body", "author", "attachments", "createdAt"].map(|name| (name, listed[0][name].clone()));
    let expected = [
        ("id", sent["id"].clone()),
        ("body", json!("")),
        ("author", sent["author"].clone()),
        ("attachments", json!([])),
        ("createdAt", sent["createdAt"].clone()),
    ];
    assert_eq!(known, expected);
    assert_eq!(michael.send(&thread, "done").await["seq"], 3);
}

#[tokio::test]
async fn every_member_has_one_reaction() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut viewer = sarah.connect_and_subscribe(&thread).await;
    sarah.send(&thread, "We won!").await;
    let _ = react(&sarah, &thread, 1, "🎉").await.ok(200);
    let _ = react(&michael, &thread, 1, "👍").await.ok(200);
    let both = react(&michael, &thread, 1, "🎉").await.ok(200);
    let mut ids = [&sarah.id, &michael.id];
    ids.sort();
    assert_eq!(both["reactions"], json!([{ "emoji": "🎉", "userIds": ids }]));
    let changed = unreact(&sarah, &thread, 1).await.ok(200);
    assert_eq!(changed["reactions"], json!([{ "emoji": "🎉", "userIds": [michael.id] }]));
    assert_eq!(unreact(&sarah, &thread, 1).await.ok(200), changed);
    for rev in 1..=4 {
        let data = viewer.wait_for_event("message:changed", &thread, |data| data["rev"] == rev).await;
        assert!(data["message"]["rev"].as_u64() >= Some(rev), "{data}");
    }
    react(&michael, &thread, 1, "great").await.assert_problem_fields(422, "invalid_request", &["emoji"]);
    assert_eq!(michael.page(&thread, &[]).await.messages, [changed]);
}

#[tokio::test]
async fn reply_quotes_its_message_as_it_is_now() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut viewer = sarah.connect_and_subscribe(&thread).await;
    let sent = sarah.send(&thread, &"🏡".repeat(101)).await;
    let reply = reply_to(&michael, &thread, 1, "nice").await;
    let quote = json!({ "seq": 1, "author": sent["author"], "excerpt": "🏡".repeat(100), "deleted": false });
    assert_eq!((&reply["replyTo"], &reply["rev"]), (&quote, &json!(0)));
    assert_eq!(viewer.wait_for_message(&thread, 2).await["message"], reply);
    let quoted = async || sarah.page(&thread, &[("limit", "1")]).await.messages[0]["replyTo"].clone();
    let _ = edit(&sarah, &thread, 1, "a house").await.ok(200);
    assert_eq!(quoted().await["excerpt"], "a house");
    let _ = delete(&sarah, &thread, 1).await.ok(200);
    assert_eq!(quoted().await, json!({ "seq": 1, "author": sent["author"], "excerpt": "", "deleted": true }));
    assert_eq!(reply_to(&michael, &thread, 1, "a pity").await["replyTo"]["deleted"], true);
    // A message can be a reply only to an earlier message of its own thread.
    let other = sarah.new_thread(&[]).await;
    sarah.send(&other, "first").await;
    for (thread, seq) in [(&thread, 4), (&other, 2), (&other, 0)] {
        let refused = sarah.post_message(thread, &json!({ "body": "a", "replyTo": seq })).await;
        refused.assert_problem_fields(422, "invalid_request", &["replyTo"]);
    }
}

#[tokio::test]
async fn client_that_was_away_gets_each_changed_message_once() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    sarah.send_many(&thread, 4).await;
    let _ = edit(&sarah, &thread, 1, "known").await.ok(200);
    let mut socket = michael.connect_and_subscribe(&thread).await;
    socket.unsubscribe(&thread).await;
    let _ = edit(&sarah, &thread, 2, "changed").await.ok(200);
    let _ = edit(&sarah, &thread, 2, "changed twice").await.ok(200);
    let _ = delete(&sarah, &thread, 3).await.ok(200);
    let request = json!({ "action": "subscribe", "channel": format!("thread:{thread}") });
    assert_eq!(socket.request(request).await["data"]["rev"], 4);
    let (mut missed, mut query) = (Vec::new(), vec![("after", "1".to_owned()), ("limit", "2".to_owned())]);
    loop {
        let query_refs: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = michael.get(&format!("/api/threads/{thread}/changes"), &query_refs).await.ok(200);
        missed.extend(items(&page["messages"]).iter().map(|m| (seq_of(m), m["rev"].as_u64(), m["body"].clone())));
        let Some(cursor) = page["nextCursor"].as_str() else {
            assert_eq!(page["rev"], 4);
            break;
        };
        query = vec![("cursor", cursor.to_owned()), ("limit", "2".to_owned())];
    }
    assert_eq!(missed, [(2, Some(3), json!("changed twice")), (3, Some(4), json!(""))]);
    assert_eq!(changes(&michael, &thread, 5).await, json!({ "reset": true, "rev": 4 }));
    for after in ["-1", "x", ""] {
        let refused = michael.get(&format!("/api/threads/{thread}/changes"), &[("after", after)]).await;
        refused.assert_problem_fields(400, "invalid_query", &["after"]);
    }
}

#[tokio::test]
async fn change_too_large_for_a_frame_is_pushed_without_its_text() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let mut viewer = sarah.connect_and_subscribe(&thread).await;
    sarah.send(&thread, "short").await;
    // JSON escapes a control character as six bytes.
    let long = format!("{:\u{1}<8000}", "long");
    let edited = edit(&sarah, &thread, 1, &long).await.ok(200);
    let data = viewer.wait_for_event("message:changed", &thread, |_| true).await;
    assert_eq!((&data["truncated"], &data["message"]["body"]), (&json!(true), &json!("")));
    assert_eq!((&data["message"]["rev"], &data["message"]["editedAt"]), (&json!(1), &edited["editedAt"]));
    assert_eq!(changes(&sarah, &thread, 0).await["messages"][0]["body"], long);
}

#[tokio::test]
async fn retry_of_a_send_returns_the_message_as_it_is_now() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let key = uuid::Uuid::now_v7().to_string();
    let send = async |body: &str| sarah.post_message_with_key(&thread, key.as_bytes(), &json!({ "body": body })).await;
    assert_message(&send("draft").await.ok(201), &thread);
    send("other").await.assert_problem(422, "idempotency_key_reused");
    let edited = edit(&sarah, &thread, 1, "final").await.ok(200);
    // After an edit, the server does not compare the content of a repeated request with the message any more.
    for body in ["draft", "final", "other"] {
        let replayed = send(body).await;
        assert_eq!(replayed.header("idempotency-replayed"), Some("true"), "{replayed}");
        assert_eq!(replayed.ok(201), edited);
    }
    let tombstone = delete(&sarah, &thread, 1).await.ok(200);
    assert_eq!(send("draft").await.ok(201), tombstone);
    assert_eq!(sarah.page(&thread, &[]).await.messages, [tombstone]);
}
