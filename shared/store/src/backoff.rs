use std::time::Duration;

/// Waits for a random time before the next attempt: at most 5 ms after attempt 0. The maximum doubles with each
/// attempt, up to 160 ms. The minimum is always 0, so that writers that collided once are unlikely to collide again.
pub(crate) async fn pause(attempt: u32) {
    let max_micros = 5_000_u64 << attempt.min(5);
    tokio::time::sleep(Duration::from_micros(fastrand::u64(0..=max_micros))).await;
}
