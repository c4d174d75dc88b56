use std::error::Error as StdError;
use std::num::TryFromIntError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStreamError;
use aws_sigv4::http_request::SigningError;
use aws_sigv4::sign::v4::signing_params::BuildError as SigningParamsError;
use contract::ApiError;

/// Why S3 or SQS could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Throttled, timed out or out of order: the same call may succeed shortly.
    #[error("AWS is not available: {0}")]
    Unavailable(String),
    /// Refused for good, such as a missing permission, bucket or queue.
    #[error("AWS refused: {0}")]
    Refused(String),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(_) => Self::Unavailable(error.to_string()),
            Error::Refused(_) => Self::Internal(error.to_string()),
        }
    }
}

/// Codes that pass although their status says that the request is wrong, beside 429:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html> and
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>
const PASSING: [&str; 4] = ["OperationAborted", "RequestThrottled", "RequestTimeout", "ThrottlingException"];

impl<E: ProvideErrorMetadata + StdError + 'static> From<SdkError<E, HttpResponse>> for Error {
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let text = describe(&error);
        let refused = match &error {
            SdkError::ConstructionFailure(_) => true,
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status();
                let passing = answer.err().code().is_some_and(|code| PASSING.contains(&code));
                !passing && !status.is_server_error() && status.as_u16() != 429
            }
            _ => false,
        };
        if refused { Self::Refused(text) } else { Self::Unavailable(text) }
    }
}

impl From<ByteStreamError> for Error {
    /// An object's bytes that stopped coming.
    fn from(error: ByteStreamError) -> Self {
        Self::Unavailable(describe(&error))
    }
}

/// What went wrong, for the log: the chain of causes, which says code and message, and neither the request nor the
/// response, which hold what people send to each other.
fn describe(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What cannot be asked of AWS.
macro_rules! refused {
    ($($error:ty),*) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::Refused(error.to_string())
            }
        })*
    };
}

refused!(CredentialsError, SigningError, SigningParamsError, TryFromIntError, http::Error, serde_json::Error);
