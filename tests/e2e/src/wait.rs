use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

/// How long a test waits for an expected effect before it fails. It is far longer than any effect takes, so that tests
/// pass on slow machines, too.
pub const TIMEOUT: Duration = Duration::from_mins(1);

/// Calls `probe` every 100 ms until it returns a value. Tests use it for effects that the contract allows to be
/// delayed. Panics if `probe` has returned no value after [`TIMEOUT`]; `what` tells the reader of the panic message
/// which effect did not happen.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let mut turn = interval(Duration::from_millis(100));
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let found = timeout(TIMEOUT, async {
        loop {
            turn.tick().await;
            if let Some(found) = probe().await {
                return found;
            }
        }
    })
    .await;
    found.unwrap_or_else(|_| panic!("{what}: did not happen within {TIMEOUT:?}"))
}
