//! End-to-end tests that disturb whatever else is going on, or bring the local cloud to its limits: in a binary of their
//! own, which cargo runs by itself, and one after the other.

mod crowd;
mod killed;

use std::time::Duration;

use e2e::{Operator, Socket, User};
use futures::future::join_all;
use futures::stream::{StreamExt as _, iter};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{sleep, timeout};

/// Sockets opened or closed at once: the local cloud starts a process for each.
const AT_ONCE: usize = 8;

/// How long a frame may take where the local cloud is at its limits. A repair that is not enough is repeated after a minute.
const PATIENCE: Duration = Duration::from_mins(5);

/// Waits until no other test of this binary runs.
async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// So many sockets on a thread, of the two in turn.
async fn listen(users: [&User; 2], thread: &str, sockets: usize) -> Vec<Socket> {
    let opening = (0..sockets).map(|n| users[n % 2].listen(thread));
    iter(opening).buffer_unordered(AT_ONCE).map(|socket| socket.with_patience(PATIENCE)).collect().await
}

/// Closes the sockets, a few at once, and waits until nothing is left of them. The local cloud runs `$disconnect` behind the
/// close, and for all at once it would start as many processes, which it looks after ten times a second from then on: hence
/// each few wait for those before. Whatever it tells nobody about, the next message finds.
async fn close(mut sockets: Vec<Socket>, user: &User, thread: &str) {
    let operator = Operator::new();
    while !sockets.is_empty() {
        join_all(sockets.drain(..AT_ONCE.min(sockets.len())).map(Socket::close)).await;
        let told = async {
            while operator.subscriptions(thread).await.len() > sockets.len() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(2), told).await.ok();
    }
    let closed = timeout(PATIENCE, async {
        while !operator.subscriptions(thread).await.is_empty() {
            user.say_at_last(thread, "Is anybody there?").await;
        }
    });
    assert!(closed.await.is_ok(), "subscriptions are left");
}
