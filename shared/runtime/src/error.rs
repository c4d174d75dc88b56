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

/// Logs why a request failed, once and here only, and returns what the client may see of it.
#[must_use]
pub fn report(error: ApiError) -> Problem {
    match error {
        ApiError::Problem(problem) => {
            info!(code = ?problem.code, "request refused");
            problem
        }
        ApiError::Unavailable(text) => {
            error!(error = text, "request failed for now");
            Problem::new(ErrorCode::Unavailable, "Not available just now. Try again shortly.")
        }
        ApiError::Internal(text) => {
            error!(error = text, "request failed");
            Problem::new(ErrorCode::Internal, "Something went wrong on our side. The request id finds it in our log.")
        }
    }
}
