use std::collections::BTreeMap;

use e2e::{User, seq_of};
use futures::future::join_all;
use tokio::sync::Semaphore;

use crate::{close, connect_and_subscribe, exclusive};

const SOCKETS: usize = 200;
const SENDERS: usize = 10;
const MESSAGES_EACH: usize = 30;

/// Number of messages that are sent at a time. Delivering one message makes up to 64 concurrent posts to the single
/// process of the local cloud. With more messages, the posts would wait for each other until they time out.
const CONCURRENT_MESSAGES: usize = 4;

#[tokio::test]
async fn two_hundred_sockets_receive_all_messages_of_ten_concurrent_senders() {
    let _exclusive = exclusive().await;
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = &sarah.new_thread(&[&michael]).await;
    let users = [&sarah, &michael];
    let mut sockets = connect_and_subscribe(users, thread, SOCKETS).await;

    let turns = &Semaphore::new(CONCURRENT_MESSAGES);
    let senders = join_all((0..SENDERS).map(|sender| async move {
        let mut sent = Vec::new();
        for n in 1..=MESSAGES_EACH {
            let _turn = turns.acquire().await;
            sent.push(users[sender % 2].send_with_retries(thread, &format!("sender {sender}, message {n}")).await);
        }
        sent
    }));
    let last = (SENDERS * MESSAGES_EACH) as u64;
    let receiving = sockets.iter_mut().map(|socket| socket.wait_for_messages(thread, 1..=last));
    let (sent, received) = futures::join!(senders, join_all(receiving));

    let sent: BTreeMap<_, _> = sent.into_iter().flatten().map(|message| (seq_of(&message), message)).collect();
    assert!(sent.keys().copied().eq(1..=last), "{:?}", sent.keys());
    for received in received {
        assert_eq!(received, sent);
    }
    close(sockets, &sarah, thread).await;
}
