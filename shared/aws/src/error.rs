use std::error::Error as StdError;
use std::fmt::Display;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use contract::ApiError;

/// Why a call to an AWS service failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service was throttling, failing or unreachable. The same call may succeed shortly.
    #[error("AWS is not available: {0}")]
    Unavailable(String),
    /// The call was invalid or the service refused it, for example because a permission, bucket or queue is missing.
    /// The same call will fail again.
    #[error("AWS refused the call: {0}")]
    Refused(String),
}

impl Error {
    /// Returns [`Refused`](Self::Refused) for a call that fails before it is sent, for example because a value is not
    /// valid.
    pub fn refused(error: impl Display) -> Self {
        Self::Refused(error.to_string())
    }
}

impl<E: ProvideErrorMetadata + StdError + 'static> From<SdkError<E, HttpResponse>> for Error {
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let text = describe(&error);
        if is_retryable(&error) { Self::Unavailable(text) } else { Self::Refused(text) }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(_) => Self::Unavailable(error.to_string()),
            Error::Refused(_) => Self::Internal(error.to_string()),
        }
    }
}

/// Error codes that are retryable although their HTTP status is below 500 and is not 429.
///
/// - `DynamoDB`: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>
/// - S3: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
/// - SQS: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>
const RETRYABLE_CODES: [&str; 9] = [
    "LimitExceededException",
    "OperationAborted",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestTimeout",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// Returns whether the same call may succeed shortly: the service was throttling, failing or busy with a conflicting
/// write, or did not answer at all.
pub fn is_retryable<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => false,
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status();
            status.is_server_error()
                || status.as_u16() == 429
                || answer.err().code().is_some_and(|code| RETRYABLE_CODES.contains(&code))
        }
        // After a timeout, a broken connection or an unreadable answer, the next attempt may succeed.
        _ => true,
    }
}

/// Describes a failed call for a log: the service's error code and message, or the chain of causes. The text never
/// contains the request or the response, because they hold what users write to each other.
pub fn describe<E: ProvideErrorMetadata + StdError + 'static>(error: &SdkError<E, HttpResponse>) -> String {
    let SdkError::ServiceError(answer) = error else { return describe_causes(error) };
    let service = answer.err();
    match service.code() {
        Some(code) => format!("{code}: {}", service.message().unwrap_or("no message")),
        // Answers without a body, such as those to HEAD requests, have no error code. The HTTP status replaces it.
        None => format!("HTTP status {}", answer.raw().status().as_u16()),
    }
}

/// Describes an error for a log: its text and the texts of all its causes.
pub fn describe_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn answer(status: u16, code: Option<&str>) -> SdkError<ErrorMetadata, HttpResponse> {
        let mut error = ErrorMetadata::builder();
        if let Some(code) = code {
            error = error.code(code).message("because");
        }
        let response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from("private"));
        SdkError::service_error(error.build(), response)
    }

    #[test]
    fn throttling_conflicts_and_server_errors_are_retryable() {
        for (status, code) in [
            (500, Some("AnyCode")),
            (503, None),
            (429, None),
            (400, Some("ThrottlingException")),
            (400, Some("ProvisionedThroughputExceededException")),
            (400, Some("TransactionConflictException")),
            (403, Some("RequestThrottled")),
            (409, Some("OperationAborted")),
        ] {
            assert!(is_retryable(&answer(status, code)), "{status} {code:?}");
        }
        assert!(is_retryable::<ErrorMetadata>(&SdkError::timeout_error("slow")));
    }

    #[test]
    fn refusals_and_invalid_calls_are_not_retryable() {
        for (status, code) in [
            (400, None),
            (400, Some("ValidationException")),
            (400, Some("TransactionCanceledException")),
            (403, Some("AccessDenied")),
            (404, Some("NoSuchBucket")),
        ] {
            assert!(!is_retryable(&answer(status, code)), "{status} {code:?}");
        }
        assert!(!is_retryable::<ErrorMetadata>(&SdkError::construction_failure("no bucket name")));
    }

    #[test]
    fn descriptions_name_code_or_status_or_causes_and_never_the_response() {
        assert_eq!(describe(&answer(400, Some("ThrottlingException"))), "ThrottlingException: because");
        assert_eq!(describe(&answer(403, None)), "HTTP status 403");
        let timeout = describe::<ErrorMetadata>(&SdkError::timeout_error("no answer in 1 s"));
        assert!(timeout.ends_with(": no answer in 1 s"), "{timeout}");
    }
}
