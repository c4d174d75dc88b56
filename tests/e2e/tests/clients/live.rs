//! Every committed message reaches every live subscriber.

use std::collections::BTreeMap;

use e2e::{User, assert_keys, assert_message, seq_of};
use futures::future::join_all;
use serde_json::Value;

fn by_seq(messages: Vec<Value>) -> BTreeMap<u64, Value> {
    messages.into_iter().map(|message| (seq_of(&message), message)).collect()
}

#[tokio::test]
async fn two_people_see_each_others_messages_arrive() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let (mut hers, mut his) = (sarah.listen(&thread).await, michael.listen(&thread).await);
    let question = sarah.say(&thread, "Dinner at 6?").await;
    let answer = michael.say(&thread, "At 7.").await;
    for socket in [&mut hers, &mut his] {
        assert_eq!(socket.pushed(&thread, 1).await["message"], question);
        assert_eq!(socket.pushed(&thread, 2).await["message"], answer);
    }
}

#[tokio::test]
async fn a_pushed_message_is_the_one_that_is_listed() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let mut socket = michael.listen(&thread).await;
    sarah.say(&thread, "quotes \" and \\ and 👪 and \u{0} and \n").await;
    let data = socket.pushed(&thread, 1).await;
    assert_keys(&data, &["threadId", "message"]);
    assert_message(&data["message"], &thread);
    assert_eq!(michael.page(&thread, &[]).await.messages, [data["message"].clone()]);
}

#[tokio::test]
async fn every_socket_of_a_user_gets_it() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let mut sockets = join_all((0..3).map(|_| sarah.listen(&thread))).await;
    let message = sarah.say(&thread, "to myself").await;
    for socket in &mut sockets {
        assert_eq!(socket.pushed(&thread, 1).await["message"], message);
    }
}

#[tokio::test]
async fn thirty_concurrent_messages_of_two_people_all_reach_both() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let (mut hers, mut his) = (sarah.listen(&thread).await, michael.listen(&thread).await);
    let bodies: Vec<String> = (0..30).map(|n| format!("message {n}")).collect();
    let sent = join_all(bodies.iter().enumerate().map(|(n, body)| {
        let author = if n % 2 == 0 { &sarah } else { &michael };
        author.say(&thread, body)
    }))
    .await;
    let expected = by_seq(sent);
    assert!(expected.keys().copied().eq(1..=30), "{:?}", expected.keys());
    for socket in [&mut hers, &mut his] {
        assert_eq!(socket.pushed_all(&thread, 1..=30).await, expected);
    }
}

#[tokio::test]
async fn who_is_not_subscribed_gets_nothing() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let (one, two) = (sarah.open_thread(&[&michael]).await, sarah.open_thread(&[&michael]).await);
    let mut hers = sarah.listen(&one).await;
    let mut his = michael.listen(&two).await;
    sarah.say(&one, "elsewhere").await;
    hers.pushed(&one, 1).await;
    sarah.say(&two, "here").await;
    his.pushed(&two, 1).await;
    assert!(his.unclaimed_seqs(&one).is_empty());
}

#[tokio::test]
async fn a_socket_that_was_closed_disturbs_nobody() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let mut hers = sarah.listen(&thread).await;
    michael.listen(&thread).await.close().await;
    sarah.say(&thread, "gone?").await;
    hers.pushed(&thread, 1).await;
    let mut his = michael.listen(&thread).await;
    sarah.say(&thread, "back!").await;
    for socket in [&mut hers, &mut his] {
        socket.pushed(&thread, 2).await;
    }
}

#[tokio::test]
async fn a_socket_that_broke_off_disturbs_nobody() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let mut hers = sarah.listen(&thread).await;
    let broken = join_all((0..3).map(|_| michael.listen(&thread))).await;
    drop(broken);
    sarah.say_all(&thread, 3).await;
    hers.pushed_all(&thread, 1..=3).await;
}

#[tokio::test]
async fn a_message_too_long_for_a_frame_is_announced_without_its_body() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let mut socket = michael.listen(&thread).await;
    // JSON writes each of these characters in six bytes.
    let body = "\u{1}".repeat(8000);
    let sent = sarah.say(&thread, &body).await;
    let data = socket.pushed(&thread, 1).await;
    assert_eq!(data["truncated"], true, "{data}");
    assert_eq!(data["message"]["id"], sent["id"], "{data}");
    assert_eq!(data["message"]["body"], "", "{data}");
    let listed = michael.page(&thread, &[("after", "0")]).await;
    assert_eq!(listed.messages, [sent]);
    assert_eq!(listed.messages[0]["body"], body);
}

#[tokio::test]
async fn a_message_just_short_of_a_frame_arrives_whole_or_announced() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let mut socket = michael.listen(&thread).await;
    for (seq, length) in [7800, 7900, 7950, 8000].into_iter().enumerate() {
        let sent = sarah.say(&thread, &"👪".repeat(length)).await;
        let data = socket.pushed(&thread, seq as u64 + 1).await;
        if data["truncated"] == true {
            assert_eq!(data["message"]["id"], sent["id"], "{length} characters");
            assert!(data["message"]["body"].is_null(), "{length} characters");
        } else {
            assert_keys(&data, &["threadId", "message"]);
            assert_eq!(data["message"], sent, "{length} characters");
        }
    }
}
