use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

/// How long something that has to happen may take: far longer than it ever does, so that only what
/// does not happen at all fails a test.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Asks again and again until `probe` has an answer. For what the contract lets lag behind.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let mut turn = interval(Duration::from_millis(100));
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let found = timeout(PATIENCE, async {
        loop {
            turn.tick().await;
            if let Some(found) = probe().await {
                return found;
            }
        }
    })
    .await;
    found.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}
