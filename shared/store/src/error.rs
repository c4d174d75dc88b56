use std::error::Error as StdError;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_support::{describe, is_retryable};
use contract::ApiError;

/// Why the store could not complete a call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `DynamoDB` throttled the call, failed or did not answer, or too many writers competed for one row. The same call
    /// may succeed shortly.
    #[error("DynamoDB is not available: {0}")]
    Unavailable(String),
    /// The request was invalid or `DynamoDB` refused it, for example because a permission or the table is missing. The
    /// same call will fail again.
    #[error("DynamoDB refused the call: {0}")]
    Refused(String),
    /// A row has missing or invalid attributes.
    #[error("row {key} does not parse: {source}")]
    BadRow {
        /// Primary key of the row, as `pk / sk`.
        key: String,
        /// Why the row's attributes do not parse.
        source: serde_dynamo::Error,
    },
    /// A row that another row refers to does not exist. Contains the primary key of the missing row.
    #[error("row {0} does not exist, although another row refers to it")]
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

impl<E: ProvideErrorMetadata + StdError + 'static> From<SdkError<E, HttpResponse>> for Error {
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let text = describe(&error);
        if is_retryable(&error) { Self::Unavailable(text) } else { Self::Refused(text) }
    }
}

/// Returns whether a write was refused because its condition was not met.
pub(crate) fn condition_failed<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some("ConditionalCheckFailedException")
}
