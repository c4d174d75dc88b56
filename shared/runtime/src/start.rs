//! The start of a function: sets up logs and the token verifier, and opens connections before the first request.

use std::future::Future;
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing::warn;

use crate::config::{self, ConfigError};
use crate::identity::{Verifier, VerifierConfig};

/// Sends logs to standard output: as JSON if `AWS_LAMBDA_LOG_FORMAT` is `JSON`, from the level in
/// `AWS_LAMBDA_LOG_LEVEL` up (default `INFO`).
///
/// `lambda_runtime` has its own subscriber with filters by module. It is not used, because it adds a regular expression
/// engine to every binary.
pub fn init_telemetry() {
    let log = tracing_subscriber::fmt().with_target(false).without_time().with_ansi(false).with_max_level(log_level());
    if config::optional("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        log.json().init();
    } else {
        log.init();
    }
}

fn log_level() -> LevelFilter {
    match config::optional("AWS_LAMBDA_LOG_LEVEL").as_deref() {
        // Lambda has the level FATAL. The highest level of tracing is ERROR.
        Some("FATAL") => LevelFilter::ERROR,
        level => level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO),
    }
}

/// Returns the token verifier that the environment variables `TOKEN_ISSUER`, `TOKEN_AUDIENCE` and `TOKEN_JWKS_URL`
/// configure.
pub fn verifier() -> Result<Verifier, ConfigError> {
    Verifier::new(VerifierConfig {
        issuer: config::required("TOKEN_ISSUER")?,
        audience: config::required("TOKEN_AUDIENCE")?,
        jwks_url: config::required("TOKEN_JWKS_URL")?,
    })
}

/// Runs `work` for at most 2 s. `work` opens the connections to AWS that the first request will use.
///
/// This is faster than in the request: during a start Lambda gives a whole CPU to every memory size, and it may start
/// an instance before there is a request. A failure is only logged, because the first request then opens its
/// connections itself.
pub async fn warm_up<T, E: std::fmt::Display>(work: impl Future<Output = Result<T, E>>) {
    let failure = match tokio::time::timeout(Duration::from_secs(2), work).await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "timed out after 2 s".to_owned(),
    };
    warn!(failure, "opening connections during the start failed; the first request will open them");
}
