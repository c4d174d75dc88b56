//! End-to-end tests that disturb whatever else is going on, or bring the local cloud to its limits: in a binary of their
//! own, which cargo runs by itself, and one after the other.

mod crowd;
mod killed;

use tokio::sync::{Mutex, MutexGuard};

/// Waits until no other test of this binary runs.
async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}
