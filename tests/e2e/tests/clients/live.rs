//! Tests of live messages: every committed message is pushed to every subscriber of its thread.

use std::collections::BTreeMap;

use e2e::{User, assert_keys, assert_message, seq_of};
use futures::future::join_all;
use serde_json::Value;

fn by_seq(messages: Vec<Value>) -> BTreeMap<u64, Value> {
    messages.into_iter().map(|message| (seq_of(&message), message)).collect()
}

#[tokio::test]
async fn members_receive_each_others_messages() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let (mut sarahs, mut michaels) =
        (sarah.connect_and_subscribe(&thread).await, michael.connect_and_subscribe(&thread).await);
    let question = sarah.send(&thread, "Dinner at 6?").await;
    let answer = michael.send(&thread, "At 7.").await;
    for socket in [&mut sarahs, &mut michaels] {
        assert_eq!(socket.wait_for_message(&thread, 1).await["message"], question);
        assert_eq!(socket.wait_for_message(&thread, 2).await["message"], answer);
    }
}

#[tokio::test]
async fn pushed_message_equals_the_listed_message() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut socket = michael.connect_and_subscribe(&thread).await;
    sarah.send(&thread, "quotes \" and \\ and 👪 and \u{0} and \n").await;
    let data = socket.wait_for_message(&thread, 1).await;
    assert_keys(&data, &["threadId", "message"]);
    assert_message(&data["message"], &thread);
    assert_eq!(michael.page(&thread, &[]).await.messages, [data["message"].clone()]);
}

#[tokio::test]
async fn every_socket_of_a_user_receives_the_message() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let mut sockets = join_all((0..3).map(|_| sarah.connect_and_subscribe(&thread))).await;
    let message = sarah.send(&thread, "to myself").await;
    for socket in &mut sockets {
        assert_eq!(socket.wait_for_message(&thread, 1).await["message"], message);
    }
}

#[tokio::test]
async fn concurrent_messages_all_reach_all_members() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let (mut sarahs, mut michaels) =
        (sarah.connect_and_subscribe(&thread).await, michael.connect_and_subscribe(&thread).await);
    let bodies: Vec<String> = (0..30).map(|n| format!("message {n}")).collect();
    let sent = join_all(bodies.iter().enumerate().map(|(n, body)| {
        let author = if n % 2 == 0 { &sarah } else { &michael };
        author.send(&thread, body)
    }))
    .await;
    let expected = by_seq(sent);
    assert!(expected.keys().copied().eq(1..=30), "{:?}", expected.keys());
    for socket in [&mut sarahs, &mut michaels] {
        assert_eq!(socket.wait_for_messages(&thread, 1..=30).await, expected);
    }
}

#[tokio::test]
async fn unsubscribed_socket_receives_nothing() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let (one, two) = (sarah.new_thread(&[&michael]).await, sarah.new_thread(&[&michael]).await);
    let mut sarahs = sarah.connect_and_subscribe(&one).await;
    let mut michaels = michael.connect_and_subscribe(&two).await;
    sarah.send(&one, "elsewhere").await;
    sarahs.wait_for_message(&one, 1).await;
    sarah.send(&two, "here").await;
    michaels.wait_for_message(&two, 1).await;
    assert!(michaels.unread_seqs(&one).is_empty());
}

#[tokio::test]
async fn closed_socket_does_not_disturb_others() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut sarahs = sarah.connect_and_subscribe(&thread).await;
    michael.connect_and_subscribe(&thread).await.close().await;
    sarah.send(&thread, "gone?").await;
    sarahs.wait_for_message(&thread, 1).await;
    let mut michaels = michael.connect_and_subscribe(&thread).await;
    sarah.send(&thread, "back!").await;
    for socket in [&mut sarahs, &mut michaels] {
        socket.wait_for_message(&thread, 2).await;
    }
}

#[tokio::test]
async fn broken_socket_does_not_disturb_others() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut sarahs = sarah.connect_and_subscribe(&thread).await;
    let broken = join_all((0..3).map(|_| michael.connect_and_subscribe(&thread))).await;
    drop(broken);
    sarah.send_many(&thread, 3).await;
    sarahs.wait_for_messages(&thread, 1..=3).await;
}

#[tokio::test]
async fn message_over_32_kib_is_pushed_without_its_body() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut socket = michael.connect_and_subscribe(&thread).await;
    // JSON escapes each of these control characters as six bytes, so a frame with the whole body would exceed 32 KiB.
    let body = format!("a{}", "\u{1}".repeat(7999));
    let sent = sarah.send(&thread, &body).await;
    let data = socket.wait_for_message(&thread, 1).await;
    assert_eq!(data["truncated"], true, "{data}");
    assert_eq!(data["message"]["id"], sent["id"], "{data}");
    assert_eq!(data["message"]["body"], "", "{data}");
    let listed = michael.page(&thread, &[("after", "0")]).await;
    assert_eq!(listed.messages, [sent]);
    assert_eq!(listed.messages[0]["body"], body);
}

#[tokio::test]
async fn longest_body_of_4_byte_characters_is_pushed_whole() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut socket = michael.connect_and_subscribe(&thread).await;
    // The body has 32,000 bytes, which leaves 768 bytes of a 32 KiB frame. The message has no attachments, so the other
    // fields of the event need far fewer bytes.
    let sent = sarah.send(&thread, &"👪".repeat(8000)).await;
    let data = socket.wait_for_message(&thread, 1).await;
    assert_keys(&data, &["threadId", "message"]);
    assert_eq!(data["message"], sent);
}
