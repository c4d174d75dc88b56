//! What every function does as it starts.

use std::future::Future;
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing::warn;

use crate::config::{self, ConfigError};
use crate::identity::{Verifier, VerifierConfig};

/// Writes the log to standard output, as Lambda wants it: JSON where `AWS_LAMBDA_LOG_FORMAT` says so, from the level
/// `AWS_LAMBDA_LOG_LEVEL` on, or `INFO`.
///
/// `lambda_runtime`'s own would do the same and take filters by module, with an engine for regular expressions that
/// nobody needs here in every binary.
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
        // Lambda has a level more.
        Some("FATAL") => LevelFilter::ERROR,
        level => level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO),
    }
}

/// The verifier that `TOKEN_ISSUER`, `TOKEN_AUDIENCE` and `TOKEN_JWKS_URL` describe.
pub fn verifier() -> Result<Verifier, ConfigError> {
    Verifier::new(VerifierConfig {
        issuer: config::required("TOKEN_ISSUER")?,
        audience: config::required("TOKEN_AUDIENCE")?,
        jwks_url: config::required("TOKEN_JWKS_URL")?,
    })
}

/// Opens connections before the first request comes: a function's start has a whole CPU, whatever its memory, and is
/// not waited for where the instance is started ahead. Failing is no reason not to start: the first request tells.
pub async fn warm_up<T, E: std::fmt::Display>(work: impl Future<Output = Result<T, E>>) {
    match tokio::time::timeout(Duration::from_secs(2), work).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => warn!(%error, "no connection was opened ahead"),
        Err(_) => warn!("no connection was opened ahead: it took too long"),
    }
}
