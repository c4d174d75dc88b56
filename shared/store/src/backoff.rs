use std::time::Duration;

/// Waits before the next attempt: a random time from 0 to 5 ms after attempt 0. The maximum doubles with each attempt,
/// up to 160 ms. The time is random over the whole range, so that writers that collided once do not collide again.
pub(crate) async fn pause(attempt: u32) {
    let max_micros = 5_000_u64 << attempt.min(5);
    tokio::time::sleep(Duration::from_micros(fastrand::u64(0..=max_micros))).await;
}
