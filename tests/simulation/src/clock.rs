//! The clock of a history, and the clocks of function instances, which differ from it.

use std::future::Future;

use contract::{Timestamp, simulation};
use tokio::time::Instant;

use crate::chance::Chance;

/// Largest difference between the clock of an instance and the true time, in milliseconds. Two instances differ by up to
/// twice as much.
pub(crate) const MAX_SKEW: i64 = 2_000;

tokio::task_local! {
    /// Difference between the clock of the invoked instance and the true time, in milliseconds.
    pub(crate) static SKEW: i64;
}

/// Runs `work` on tokio's paused clock, where waiting takes no real time. The functions take their timestamps from the
/// same clock, with the [skew](SKEW) of their instance.
pub(crate) fn paused<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let start = Instant::now();
        simulation::follow(move || {
            let skew = SKEW.try_with(|skew| *skew).unwrap_or(0);
            Timestamp::from_millis(1_757_034_300_000 + i64::try_from(start.elapsed().as_millis()).unwrap() + skew)
        });
        work.await
    })
}

/// The clocks of the instances of a history.
pub(crate) struct Clocks {
    max_skew: i64,
}

impl Clocks {
    /// Chooses whether the clocks of a history differ.
    pub(crate) fn new(chance: &Chance) -> Self {
        Self { max_skew: *chance.pick(&[0, MAX_SKEW]) }
    }

    /// Returns the skew of a new instance, in milliseconds.
    pub(crate) fn skew(&self, chance: &Chance) -> i64 {
        let range = 0..=2 * self.max_skew.unsigned_abs();
        i64::try_from(chance.number(range)).unwrap() - self.max_skew
    }
}
