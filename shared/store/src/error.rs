use std::error::Error as StdError;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use contract::ApiError;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Throttled, timed out, or too many writers at one place: the same call may succeed shortly.
    #[error("DynamoDB is not available: {0}")]
    Unavailable(String),
    /// Refused for good, such as a missing permission or table.
    #[error("DynamoDB refused: {0}")]
    Refused(String),
    /// A row is not what this code writes.
    #[error("the row {key} does not parse: {source}")]
    BadRow {
        /// Its primary key.
        key: String,
        /// What is wrong with it.
        source: serde_dynamo::Error,
    },
    /// A row is not there that another one says is.
    #[error("the row {0} is missing")]
    MissingRow(String),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(_) => Self::Unavailable(error.to_string()),
            Error::Refused(_) | Error::BadRow { .. } | Error::MissingRow(_) => Self::Internal(error.to_string()),
        }
    }
}

/// Codes that pass: throttling, transaction conflicts and faults on `DynamoDB`'s side.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>
const PASSING: [&str; 9] = [
    "InternalServerError",
    "InternalServerErrorException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

impl<E, R> From<SdkError<E, R>> for Error
where
    E: ProvideErrorMetadata + StdError + 'static,
    R: std::fmt::Debug + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        let text = describe(&error);
        match error.as_service_error() {
            Some(service) if !service.code().is_some_and(|code| PASSING.contains(&code)) => Self::Refused(text),
            _ => Self::Unavailable(text),
        }
    }
}

/// Whether a write was refused because its condition did not hold.
pub(crate) fn condition_failed<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some("ConditionalCheckFailedException")
}

/// What went wrong with a call to AWS, for the log: the code and message, or the chain of causes. Never the request
/// or the response, which hold what people write to each other.
pub fn describe<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + StdError + 'static,
    R: std::fmt::Debug + 'static,
{
    if let Some(service) = error.as_service_error() {
        return format!("{}: {}", service.code().unwrap_or("no code"), service.message().unwrap_or("no message"));
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
