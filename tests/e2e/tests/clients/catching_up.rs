//! Tests that a client that subscribes and then lists messages with `after` misses nothing (docs/catching-up.md).

use std::collections::BTreeSet;

use e2e::{User, seq_of};

#[tokio::test]
async fn messages_before_subscribed_are_listed_and_later_ones_pushed() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let total: u64 = 20;
    let joining = async {
        let mut socket = michael.connect().await;
        let seq = socket.subscribe(&thread).await;
        let missed = michael.pages(&thread, &[("after", "0"), ("limit", "7")]).await;
        (socket, seq, missed)
    };
    let ((), (mut socket, seq, missed)) = futures::join!(sarah.send_many(&thread, 20), joining);
    let missed: BTreeSet<u64> = missed.iter().map(seq_of).collect();
    assert!((1..=seq).all(|seq| missed.contains(&seq)), "`subscribed` said {seq}, but the list has only {missed:?}");
    socket.wait_for_messages(&thread, seq + 1..=total).await;
}

#[tokio::test]
async fn client_catches_up_after_a_break_with_its_last_seq() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let mut before = michael.connect_and_subscribe(&thread).await;
    sarah.send_many(&thread, 2).await;
    before.wait_for_messages(&thread, 1..=2).await;
    before.close().await;
    sarah.send_many(&thread, 3).await;

    let mut after = michael.connect().await;
    assert_eq!(after.subscribe(&thread).await, 5);
    let missed: Vec<u64> = michael.pages(&thread, &[("after", "2")]).await.iter().map(seq_of).collect();
    assert_eq!(missed, [3, 4, 5]);
    sarah.send(&thread, "live again").await;
    after.wait_for_message(&thread, 6).await;
}

#[tokio::test]
async fn sockets_that_subscribe_during_writes_miss_nothing() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let joining = futures::future::join_all((0..6).map(|n| {
        let (joiner, thread) = (if n % 2 == 0 { &sarah } else { &michael }, &thread);
        async move {
            let mut socket = joiner.connect().await;
            let seq = socket.subscribe(thread).await;
            (socket, seq)
        }
    }));
    let (mut joined, (), ()) = futures::join!(joining, sarah.send_many(&thread, 10), michael.send_many(&thread, 10));
    for (socket, seq) in &mut joined {
        socket.wait_for_messages(&thread, *seq + 1..=20).await;
    }
}
