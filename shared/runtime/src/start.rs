//! What every function does as it starts.

use std::future::Future;
use std::time::Duration;

use tracing::warn;

use crate::config::{self, ConfigError};
use crate::identity::{Verifier, VerifierConfig};

/// Writes the log to standard output, as Lambda wants it: JSON where the function is set to it, from the level
/// `AWS_LAMBDA_LOG_LEVEL` on.
pub fn init_telemetry() {
    lambda_runtime::tracing::init_default_subscriber();
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
