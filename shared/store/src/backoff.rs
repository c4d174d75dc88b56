use std::time::Duration;

/// Waits before attempt `attempt + 1`: a random time of up to 5 ms doubled `attempt` times, 160 ms at most. Full
/// jitter, so that writers who collided once do not collide again.
pub(crate) async fn pause(attempt: u32) {
    let ceiling = 5_000_u64 << attempt.min(5);
    tokio::time::sleep(Duration::from_micros(fastrand::u64(0..=ceiling))).await;
}
