//! What a socket answers to each action.

use e2e::{Operator, User, assert_keys, eventually};
use serde_json::json;

#[tokio::test]
async fn ping_is_answered_by_pong() {
    let mut socket = User::sarah().await.connect().await;
    socket.send(json!({ "action": "ping" }).to_string()).await;
    let pong = socket.take("a pong", |frame| frame["event"] == "pong").await;
    assert!(pong.get("id").is_none(), "an id that nobody gave: {pong}");
    socket.send(json!({ "action": "ping", "id": "mine", "more": [1, 2] }).to_string()).await;
    let pong = socket.take("a pong", |frame| frame["event"] == "pong").await;
    assert_eq!(pong["id"], "mine", "{pong}");
}

#[tokio::test]
async fn subscribing_tells_the_last_seq() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    assert_eq!(sarah.connect().await.subscribe(&thread).await, 0);
    sarah.say_all(&thread, 3).await;
    assert_eq!(michael.connect().await.subscribe(&thread).await, 3);
}

#[tokio::test]
async fn subscribing_without_an_id_is_answered_without_one() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let mut socket = sarah.connect().await;
    let channel = format!("thread:{thread}");
    socket.send(json!({ "action": "subscribe", "channel": channel }).to_string()).await;
    let answer = socket.take("subscribed", |frame| frame["event"] == "subscribed").await;
    assert_eq!(answer, json!({ "event": "subscribed", "data": { "channel": channel, "seq": 0 } }));
}

#[tokio::test]
async fn subscribing_twice_is_subscribing() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let mut socket = sarah.listen(&thread).await;
    sarah.say(&thread, "one").await;
    assert_eq!(socket.subscribe(&thread).await, 1);
    sarah.say(&thread, "two").await;
    socket.pushed_all(&thread, 1..=2).await;
}

#[tokio::test]
async fn unsubscribing_from_what_one_never_subscribed_to_is_answered_too() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let mut socket = sarah.connect().await;
    socket.unsubscribe(&thread).await;
    socket.ping().await;
}

#[tokio::test]
async fn unsubscribing_ends_the_pushes_of_this_thread_only() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let (left, kept) = (sarah.open_thread(&[&michael]).await, sarah.open_thread(&[&michael]).await);
    let mut hers = sarah.listen(&left).await;
    let mut his = michael.listen(&left).await;
    his.subscribe(&kept).await;
    sarah.say(&left, "with you").await;
    his.pushed(&left, 1).await;

    his.unsubscribe(&left).await;
    sarah.say(&left, "without you").await;
    hers.pushed_all(&left, 1..=2).await;
    sarah.say(&kept, "still here").await;
    his.pushed(&kept, 1).await;
    assert!(!his.unclaimed_seqs(&left).contains(&2));

    assert_eq!(his.subscribe(&left).await, 2);
    sarah.say(&left, "with you again").await;
    his.pushed(&left, 3).await;
}

#[tokio::test]
async fn a_socket_carries_several_threads() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let mut his = michael.connect().await;
    let mut threads = Vec::new();
    for _ in 0..4 {
        let thread = sarah.open_thread(&[&michael]).await;
        his.subscribe(&thread).await;
        threads.push(thread);
    }
    for thread in &threads {
        sarah.say(thread, "hello").await;
    }
    for thread in &threads {
        let data = his.pushed(thread, 1).await;
        assert_keys(&data, &["threadId", "message"]);
    }
}

#[tokio::test]
async fn a_socket_whose_time_is_over_hears_nothing_and_is_closed() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let mut over = michael.listen(&thread).await;
    let operator = Operator::new();
    assert_eq!(operator.let_connections_expire(&thread).await, 1);
    let mut hers = sarah.listen(&thread).await;

    over.send(json!({ "action": "ping" }).to_string()).await;
    let told = over.take("an error event", |frame| frame["event"] == "error").await;
    assert_eq!(told["data"]["code"], "connection_expired", "{told}");
    sarah.say(&thread, "who is left?").await;
    hers.pushed(&thread, 1).await;
    // Where there is no time to close it, the next message does.
    eventually("only her subscription is left", async || {
        sarah.say_at_last(&thread, "and now?").await;
        (operator.subscriptions(&thread).await.len() == 1).then_some(())
    })
    .await;
    assert_eq!(over.next_or_closed().await, None);
}
