//! The configuration that all AWS clients of a process share, optimized for a short cold start. It has no credential or
//! profile chain, because Lambda sets region and credentials in the environment. It does not read the system's
//! certificates, and all clients share one HTTP client.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::client::http_client;
use crate::config::{self, ConfigError};

/// Returns the SDK configuration from the environment. All clients made from it share connections.
///
/// Lambda sets `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`. The local cloud also
/// sets `AWS_ENDPOINT_URL`. If `AWS_CA_BUNDLE` names a PEM file, only its certificates are trusted.
pub fn sdk_config() -> Result<SdkConfig, ConfigError> {
    let credentials = Credentials::from_keys(
        config::required("AWS_ACCESS_KEY_ID")?,
        config::required("AWS_SECRET_ACCESS_KEY")?,
        config::optional("AWS_SESSION_TOKEN"),
    );
    let http = http_client(config::optional("AWS_CA_BUNDLE").as_deref())?;
    Ok(configure(config::required("AWS_REGION")?, credentials, config::optional("AWS_ENDPOINT_URL"), http))
}

/// Returns an SDK configuration with the given values, which does not depend on the environment. `endpoint_url`
/// replaces the endpoints of all AWS services.
pub fn sdk_config_for(
    region: String,
    credentials: Credentials,
    endpoint_url: Option<String>,
) -> Result<SdkConfig, ConfigError> {
    Ok(configure(region, credentials, endpoint_url, http_client(None)?))
}

fn configure(
    region: String,
    credentials: Credentials,
    endpoint_url: Option<String>,
    http: SharedHttpClient,
) -> SdkConfig {
    // DynamoDB usually answers within tens of milliseconds. So an attempt without an answer after 1 s has probably
    // failed, and the SDK repeats it. A function makes several calls in sequence. With at most 3 s for each call, they
    // stay within the function's timeout.
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(1))
        .operation_timeout(Duration::from_secs(3))
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(50)))
        .timeout_config(timeouts);
    config.set_endpoint_url(endpoint_url);
    config.build()
}
