//! Turns the error of a request into a log line and the problem that the client gets.

use contract::{ApiError, ErrorCode, Problem};
use tracing::{error, info};

use crate::identity::IdentityError;

impl From<IdentityError> for ApiError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Unauthorized(reason) => Problem::new(ErrorCode::Unauthorized, reason).into(),
            IdentityError::KeysUnavailable(_) => Self::Unavailable(error.to_string()),
        }
    }
}

/// Logs why a request failed and returns the problem for the client. Handlers return their errors without logging them,
/// so each error appears in the log once.
#[must_use]
pub fn report(error: ApiError) -> Problem {
    match error {
        ApiError::Problem(problem) => {
            info!(code = ?problem.code, "request rejected; the client gets this code");
            problem
        }
        ApiError::Unavailable(text) => {
            error!(error = text, "request failed; the client is asked to retry");
            let detail = "The service is temporarily unavailable. Try again after the time in Retry-After.";
            Problem::retry_later(ErrorCode::Unavailable, detail, 1)
        }
        ApiError::Internal(text) => {
            error!(error = text, "request failed; the client gets a 500");
            Problem::new(
                ErrorCode::Internal,
                "The server failed to process the request. Try again. If it fails again, report the requestId.",
            )
        }
    }
}
