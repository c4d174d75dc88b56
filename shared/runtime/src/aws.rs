//! One SDK configuration for the life of a process, made for a quick start: no credential or profile chain (Lambda
//! puts region and credentials into the environment), no scan of the system's certificates, one HTTP client.

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

/// Reads `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, which Lambda sets, and
/// `AWS_ENDPOINT_URL`, which the local cloud sets; where that has a certificate of its own, `AWS_CA_BUNDLE` names the file
/// with the one to trust. All clients made from it share connections.
pub fn sdk_config() -> Result<SdkConfig, ConfigError> {
    let credentials = Credentials::from_keys(
        config::required("AWS_ACCESS_KEY_ID")?,
        config::required("AWS_SECRET_ACCESS_KEY")?,
        config::optional("AWS_SESSION_TOKEN"),
    );
    let http = http_client(config::optional("AWS_CA_BUNDLE").as_deref())?;
    Ok(configure(config::required("AWS_REGION")?, credentials, config::optional("AWS_ENDPOINT_URL"), http))
}

/// The same with everything given; `endpoint_url` stands in for all of AWS.
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
    // DynamoDB answers within tens of milliseconds: what takes a second is better asked again, and soon. All together
    // has to leave a function that calls several times in a row within its own timeout.
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
