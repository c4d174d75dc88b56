use crate::Problem;

/// Why a request failed: what the client may see, or what only the log may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The client's doing; shown in full.
    #[error("{}", .0.detail)]
    Problem(Problem),
    /// Something that passes: the client is told to try again, the log why.
    #[error("{0}")]
    Unavailable(String),
    /// A fault on our side: the client is told that there is one, the log which.
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
