//! Subscribing and `after` together miss nothing.

use std::collections::BTreeSet;

use e2e::{User, seq_of};

#[tokio::test]
async fn what_was_committed_before_is_listed_and_what_comes_after_is_pushed() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let total: u64 = 20;
    let join_in = async {
        let mut socket = michael.connect().await;
        let seq = socket.subscribe(&thread).await;
        let missed = michael.pages(&thread, &[("after", "0"), ("limit", "7")]).await;
        (socket, seq, missed)
    };
    let ((), (mut socket, seq, missed)) = futures::join!(sarah.say_all(&thread, 20), join_in);
    let missed: BTreeSet<u64> = missed.iter().map(seq_of).collect();
    assert!((1..=seq).all(|seq| missed.contains(&seq)), "subscribed at {seq}, but only {missed:?} are listed");
    socket.pushed_all(&thread, seq + 1..=total).await;
}

#[tokio::test]
async fn after_a_break_the_last_known_seq_is_enough() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let mut before = michael.listen(&thread).await;
    sarah.say_all(&thread, 2).await;
    before.pushed_all(&thread, 1..=2).await;
    before.close().await;
    sarah.say_all(&thread, 3).await;

    let mut after = michael.connect().await;
    assert_eq!(after.subscribe(&thread).await, 5);
    let missed: Vec<u64> = michael.pages(&thread, &[("after", "2")]).await.iter().map(seq_of).collect();
    assert_eq!(missed, [3, 4, 5]);
    sarah.say(&thread, "live again").await;
    after.pushed(&thread, 6).await;
}

#[tokio::test]
async fn many_join_while_others_write() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let joining = futures::future::join_all((0..6).map(|n| {
        let (joiner, thread) = (if n % 2 == 0 { &sarah } else { &michael }, &thread);
        async move {
            let mut socket = joiner.connect().await;
            let seq = socket.subscribe(thread).await;
            (socket, seq)
        }
    }));
    let (mut joined, (), ()) = futures::join!(joining, sarah.say_all(&thread, 10), michael.say_all(&thread, 10));
    for (socket, seq) in &mut joined {
        socket.pushed_all(&thread, *seq + 1..=20).await;
    }
}
