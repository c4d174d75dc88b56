use std::future::Future;

use contract::{Timestamp, simulation};
use tokio::time::Instant;

/// Runs `work` on tokio's paused clock, where waiting takes no real time. The functions take their timestamps from the
/// same clock.
pub(crate) fn paused<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let start = Instant::now();
        simulation::follow(move || {
            Timestamp::from_millis(1_757_034_300_000 + i64::try_from(start.elapsed().as_millis()).unwrap())
        });
        work.await
    })
}
