use std::time::Duration;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// Maximum number of attempts of a write that fails because of concurrent writes to the same rows.
pub(crate) const ATTEMPTS: u32 = 10;

/// Waits before the next attempt, for a random time between 0 and a maximum. The random time makes it unlikely that two
/// writers that collided once collide again. The maximum is 5 ms after attempt 0 and doubles with each attempt, up to
/// 640 ms, so that even 90 concurrent writers of one row can commit.
pub(crate) async fn pause(attempt: u32) {
    let max_micros = 5_000_u64 << attempt.min(7);
    tokio::time::sleep(Duration::from_micros(fastrand::u64(0..=max_micros))).await;
}

/// Calls `write`, and repeats it as long as `DynamoDB` refuses the write because of a transaction on the same row.
/// Makes at most 10 attempts. The SDK does not retry such a write:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>
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
