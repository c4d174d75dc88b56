//! Tests of the actions that clients send on a socket: ping, subscribe and unsubscribe.

use e2e::{Operator, User, assert_keys, eventually};
use serde_json::json;

#[tokio::test]
async fn ping_gets_a_pong() {
    let mut socket = User::sarah().await.connect().await;
    socket.send(json!({ "action": "ping" }).to_string()).await;
    let pong = socket.wait_for("a pong", |frame| frame["event"] == "pong").await;
    assert!(pong.get("id").is_none(), "the pong has an id, but the ping had none: {pong}");
    socket.send(json!({ "action": "ping", "id": "mine", "more": [1, 2] }).to_string()).await;
    let pong = socket.wait_for("a pong", |frame| frame["event"] == "pong").await;
    assert_eq!(pong["id"], "mine", "{pong}");
}

#[tokio::test]
async fn subscribed_has_the_last_seq() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    assert_eq!(sarah.connect().await.subscribe(&thread).await, 0);
    sarah.send_many(&thread, 3).await;
    assert_eq!(michael.connect().await.subscribe(&thread).await, 3);
}

#[tokio::test]
async fn response_has_no_id_if_the_action_has_none() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let mut socket = sarah.connect().await;
    let channel = format!("thread:{thread}");
    socket.send(json!({ "action": "subscribe", "channel": channel }).to_string()).await;
    let answer = socket.wait_for("subscribed", |frame| frame["event"] == "subscribed").await;
    assert_eq!(answer, json!({ "event": "subscribed", "data": { "channel": channel, "seq": 0, "rev": 0 } }));
}

#[tokio::test]
async fn subscribing_twice_is_allowed() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let mut socket = sarah.connect_and_subscribe(&thread).await;
    sarah.send(&thread, "one").await;
    assert_eq!(socket.subscribe(&thread).await, 1);
    sarah.send(&thread, "two").await;
    socket.wait_for_messages(&thread, 1..=2).await;
}

#[tokio::test]
async fn unsubscribing_without_a_subscription_succeeds() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let mut socket = sarah.connect().await;
    socket.unsubscribe(&thread).await;
    socket.ping().await;
}

#[tokio::test]
async fn unsubscribing_stops_the_messages_of_that_thread_only() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let (left, kept) = (sarah.new_thread(&[&michael]).await, sarah.new_thread(&[&michael]).await);
    let mut sarahs = sarah.connect_and_subscribe(&left).await;
    let mut michaels = michael.connect_and_subscribe(&left).await;
    michaels.subscribe(&kept).await;
    sarah.send(&left, "with you").await;
    michaels.wait_for_message(&left, 1).await;

    michaels.unsubscribe(&left).await;
    sarah.send(&left, "without you").await;
    sarahs.wait_for_messages(&left, 1..=2).await;
    sarah.send(&kept, "still here").await;
    michaels.wait_for_message(&kept, 1).await;
    assert!(!michaels.unread_seqs(&left).contains(&2));

    assert_eq!(michaels.subscribe(&left).await, 2);
    sarah.send(&left, "with you again").await;
    michaels.wait_for_message(&left, 3).await;
}

#[tokio::test]
async fn one_socket_can_subscribe_to_several_threads() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let mut michaels = michael.connect().await;
    let mut threads = Vec::new();
    for _ in 0..4 {
        let thread = sarah.new_thread(&[&michael]).await;
        michaels.subscribe(&thread).await;
        threads.push(thread);
    }
    for thread in &threads {
        sarah.send(thread, "hello").await;
    }
    for thread in &threads {
        let data = michaels.wait_for_message(thread, 1).await;
        assert_keys(&data, &["threadId", "message"]);
    }
}

#[tokio::test]
async fn expired_socket_receives_nothing_and_is_closed() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut expired = michael.connect_and_subscribe(&thread).await;
    let operator = Operator::new();
    assert_eq!(operator.expire_connections(&thread).await, 1);
    let mut sarahs = sarah.connect_and_subscribe(&thread).await;

    expired.send(json!({ "action": "ping" }).to_string()).await;
    let error = expired.wait_for("an error event", |frame| frame["event"] == "error").await;
    assert_eq!(error["data"]["code"], "connection_expired", "{error}");
    sarah.send(&thread, "who is left?").await;
    sarahs.wait_for_message(&thread, 1).await;
    // A delivery that runs out of time leaves the expired connection to the next delivery. So the test sends messages
    // until the connection's subscription is gone.
    eventually("removing the expired subscription", async || {
        sarah.send_with_retries(&thread, "and now?").await;
        (operator.subscriptions(&thread).await.len() == 1).then_some(())
    })
    .await;
    assert_eq!(expired.next_frame_or_close().await, None);
}
