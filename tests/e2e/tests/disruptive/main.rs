//! End-to-end tests that overload the local cloud with sockets, kill processes of a function, use up the quotas of a
//! user, or redrive dead letters.
//!
//! These tests would disturb other tests and each other. So they have their own test binary, which cargo runs
//! separately, and each test waits for [`exclusive`] before it starts.

mod crowd;
mod killed;
mod quotas;
mod redriven;

use std::time::Duration;

use e2e::{Operator, Socket, User};
use futures::future::join_all;
use futures::stream::{StreamExt as _, iter};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{sleep, timeout};

/// Number of sockets that are opened or closed at a time. The local cloud starts a function process for each of them.
const AT_ONCE: usize = 8;

/// How long a socket waits for a frame while the local cloud is overloaded. It leaves time for several repairs, which
/// deliver an undelivered message again: an incomplete repair is repeated after a minute.
const TIMEOUT: Duration = Duration::from_mins(5);

/// Waits until no other test of this binary runs. The test must keep the returned guard until its end.
async fn exclusive() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// Opens `sockets` sockets, alternating between the two `users`, and subscribes all sockets to a thread.
async fn connect_and_subscribe(users: [&User; 2], thread: &str, sockets: usize) -> Vec<Socket> {
    let opening = (0..sockets).map(|n| users[n % 2].connect_and_subscribe(thread));
    iter(opening).buffer_unordered(AT_ONCE).map(|socket| socket.with_timeout(TIMEOUT)).collect().await
}

/// Closes the sockets and waits until their subscriptions are removed.
///
/// This closes only [`AT_ONCE`] sockets at a time and waits for their `$disconnect` events, because the local cloud
/// starts a process for each event and polls every process ten times a second. If a `$disconnect` event is lost, the
/// next message finds the closed connection and removes it.
async fn close(mut sockets: Vec<Socket>, user: &User, thread: &str) {
    let operator = Operator::new();
    while !sockets.is_empty() {
        join_all(sockets.drain(..AT_ONCE.min(sockets.len())).map(Socket::close)).await;
        let removed = async {
            while operator.subscriptions(thread).await.len() > sockets.len() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(2), removed).await.ok();
    }
    let closed = timeout(TIMEOUT, async {
        while !operator.subscriptions(thread).await.is_empty() {
            user.send_with_retries(thread, "Is anybody there?").await;
        }
    });
    assert!(closed.await.is_ok(), "subscriptions of closed sockets were not removed");
}
