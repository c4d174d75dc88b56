use std::env;

/// A setting that is missing or wrong. It stops the function as it starts, with the setting's name.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct ConfigError {
    name: String,
    problem: String,
}

impl ConfigError {
    /// What is wrong with the setting `name`.
    pub fn new(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { name: name.into(), problem: problem.into() }
    }
}

/// The environment variable `name`.
pub fn required(name: &str) -> Result<String, ConfigError> {
    optional(name).ok_or_else(|| ConfigError::new(name, "is not set"))
}

/// The environment variable `name`, where it is set and not empty.
#[must_use]
pub fn optional(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The environment variable `name`, a whole number.
pub fn required_number(name: &str) -> Result<u64, ConfigError> {
    required(name)?.parse().map_err(|_| ConfigError::new(name, "is not a whole number"))
}
