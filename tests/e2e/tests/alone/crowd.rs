use std::collections::BTreeMap;

use e2e::{User, seq_of};
use futures::future::join_all;
use futures::stream::{StreamExt as _, iter};

use crate::alone;

const SOCKETS: usize = 200;
const SENDERS: usize = 10;
const MESSAGES_EACH: usize = 30;

#[tokio::test]
async fn two_hundred_sockets_hear_all_of_what_ten_people_say_at_once() {
    let _alone = alone().await;
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = &sarah.open_thread(&[&michael]).await;
    let users = [&sarah, &michael];
    let sockets = iter((0..SOCKETS).map(|n| users[n % 2].listen(thread))).buffer_unordered(20).collect::<Vec<_>>().await;

    let senders = join_all((0..SENDERS).map(|sender| async move {
        let mut sent = Vec::new();
        for n in 1..=MESSAGES_EACH {
            sent.push(users[sender % 2].say(thread, &format!("sender {sender}, message {n}")).await);
        }
        sent
    }));
    let last = (SENDERS * MESSAGES_EACH) as u64;
    let hearing = sockets.into_iter().map(|mut socket| async move { socket.pushed_all(thread, 1..=last).await });
    let (sent, heard) = futures::join!(senders, join_all(hearing));

    let sent: BTreeMap<_, _> = sent.into_iter().flatten().map(|message| (seq_of(&message), message)).collect();
    assert!(sent.keys().copied().eq(1..=last), "{:?}", sent.keys());
    for heard in heard {
        assert_eq!(heard, sent);
    }
}
