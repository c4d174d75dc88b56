//! Settings from environment variables.

use std::env;

/// An environment variable is missing or not valid. The function logs the variable's name and does not start.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct ConfigError {
    name: String,
    problem: String,
}

impl ConfigError {
    /// Creates the error for the environment variable `name`. `problem` says what is wrong, such as "is empty".
    pub fn new(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { name: name.into(), problem: problem.into() }
    }

    pub(crate) fn missing(name: &str) -> Self {
        Self::new(name, "is missing or empty")
    }
}

/// Returns the environment variable `name`. Fails if it is missing or empty.
pub fn required(name: &str) -> Result<String, ConfigError> {
    optional(name).ok_or_else(|| ConfigError::missing(name))
}

/// Returns the environment variable `name`, or `None` if it is missing or empty.
#[must_use]
pub fn optional(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the environment variable `name` as a whole number. Fails if it is missing or not a number.
pub fn required_number(name: &str) -> Result<u64, ConfigError> {
    required(name)?.parse().map_err(|_| ConfigError::new(name, "is not a whole number"))
}

/// Returns the environment variable `name`, which is `yes` or `no`. Fails if it is missing or has another value.
pub fn required_flag(name: &str) -> Result<bool, ConfigError> {
    match required(name)?.as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(ConfigError::new(name, "is neither yes nor no")),
    }
}
