use std::time::Duration;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// Maximum number of attempts of a write that fails because of concurrent writes to the same rows.
pub(crate) const ATTEMPTS: u32 = 10;

/// Waits for a random time before the next attempt: at most 5 ms after attempt 0. The maximum doubles with each
/// attempt, up to 640 ms, so that 90 writers of one row do not keep each other from committing. The minimum is always 0,
/// so that writers that collided once are unlikely to collide again.
pub(crate) async fn pause(attempt: u32) {
    let max_micros = 5_000_u64 << attempt.min(7);
    tokio::time::sleep(Duration::from_micros(fastrand::u64(0..=max_micros))).await;
}

/// Repeats a write while a transaction on the same row makes `DynamoDB` refuse it, at most 10 times. The SDK does not retry
/// such a write: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>
pub(crate) async fn retry_conflicts<T, E, F>(write: impl Fn() -> F) -> Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata,
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
{
    for attempt in 0..ATTEMPTS - 1 {
        match write().await {
            Err(error) if is_conflict(&error) => pause(attempt).await,
            result => return result,
        }
    }
    write().await
}

fn is_conflict<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some("TransactionConflictException")
}
