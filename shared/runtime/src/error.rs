use contract::{ErrorCode, Problem};
use store::Error;
use tracing::{error, info};

use crate::identity::IdentityError;

/// Why a request failed: what the client may see, or what only the log may.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The client's doing.
    #[error("{}", .0.detail)]
    Problem(Problem),
    /// The caller did not prove who they are, or the issuer's keys could not be had.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Storage did not do its part.
    #[error(transparent)]
    Store(#[from] Error),
    /// A fault in this code or its surroundings.
    #[error("{0}")]
    Internal(String),
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

impl ApiError {
    /// Logs the error, once and here only, and returns what the client may see of it.
    #[must_use]
    pub fn report(self) -> Problem {
        let text = self.to_string();
        let problem = match self {
            Self::Problem(problem) => problem,
            Self::Identity(IdentityError::Unauthorized(reason)) => Problem::new(ErrorCode::Unauthorized, reason),
            Self::Identity(IdentityError::KeysUnavailable(_)) | Self::Store(Error::Unavailable(_)) => {
                Problem::new(ErrorCode::Unavailable, "Not available just now. Try again shortly.")
            }
            Self::Store(_) | Self::Internal(_) => Problem::new(
                ErrorCode::Internal,
                "Something went wrong on our side. The request id finds it in our log.",
            ),
        };
        if problem.code.status() >= 500 {
            error!(code = ?problem.code, error = text, "request failed");
        } else {
            info!(code = ?problem.code, "request refused");
        }
        problem
    }
}
