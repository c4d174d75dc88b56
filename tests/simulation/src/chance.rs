use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;

/// Random numbers of a history. All of them come from the history's seed, so that the same seed repeats the same
/// history.
#[derive(Debug)]
pub(crate) struct Chance(Mutex<Rng>);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        // The functions and the SDK take their jitter from fastrand's generator for the current OS thread. The
        // generator gets the history's seed, so that the jitter is repeatable, too.
        fastrand::seed(seed);
        Self(Mutex::new(Rng::with_seed(seed)))
    }

    pub(crate) fn number(&self, range: RangeInclusive<u64>) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).u64(range)
    }

    pub(crate) fn index(&self, len: usize) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).usize(0..len)
    }

    pub(crate) fn pick<'a, T>(&self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }

    /// Returns true with a probability of 1 in `times`.
    pub(crate) fn one_in(&self, times: u64) -> bool {
        self.number(1..=times) == 1
    }

    pub(crate) fn millis(&self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.number(range))
    }

    /// Sleeps for a random number of milliseconds in `range`.
    pub(crate) async fn pause(&self, range: RangeInclusive<u64>) {
        tokio::time::sleep(self.millis(range)).await;
    }
}
