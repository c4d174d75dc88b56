use crate::Problem;

/// Why a request failed, and how much of the reason the client may see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The client's request is at fault. The client receives the whole problem.
    #[error("{}", .0.detail)]
    Problem(Problem),
    /// A temporary failure. The client gets a 503 that asks it to retry. The text goes only to the log.
    #[error("{0}")]
    Unavailable(String),
    /// A server error. The client gets a 500 without the reason. The text goes only to the log.
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
