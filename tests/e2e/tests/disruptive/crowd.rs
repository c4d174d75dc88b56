use std::collections::BTreeMap;

use e2e::{User, seq_of};
use futures::future::join_all;
use tokio::sync::Semaphore;

use crate::{alone, close, listen};

const SOCKETS: usize = 200;
const SENDERS: usize = 10;
const MESSAGES_EACH: usize = 30;

/// Messages under way at once. Each is 64 posts at once, and all of them go to the one process that is the local cloud: with
/// more, they only wait for each other until their time is up.
const AT_ONCE: usize = 4;

#[tokio::test]
async fn two_hundred_sockets_hear_all_of_what_ten_people_say_at_once() {
    let _alone = alone().await;
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = &sarah.open_thread(&[&michael]).await;
    let users = [&sarah, &michael];
    let mut sockets = listen(users, thread, SOCKETS).await;

    let turns = &Semaphore::new(AT_ONCE);
    let senders = join_all((0..SENDERS).map(|sender| async move {
        let mut sent = Vec::new();
        for n in 1..=MESSAGES_EACH {
            let _turn = turns.acquire().await;
            sent.push(users[sender % 2].say_at_last(thread, &format!("sender {sender}, message {n}")).await);
        }
        sent
    }));
    let last = (SENDERS * MESSAGES_EACH) as u64;
    let hearing = sockets.iter_mut().map(|socket| socket.pushed_all(thread, 1..=last));
    let (sent, heard) = futures::join!(senders, join_all(hearing));

    let sent: BTreeMap<_, _> = sent.into_iter().flatten().map(|message| (seq_of(&message), message)).collect();
    assert!(sent.keys().copied().eq(1..=last), "{:?}", sent.keys());
    for heard in heard {
        assert_eq!(heard, sent);
    }
    close(sockets, &sarah, thread).await;
}
