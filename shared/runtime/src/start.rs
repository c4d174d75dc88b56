//! The start of a function: sets up logs and the token verifier, and opens connections before the first request.

use std::future::Future;
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing::{Subscriber, error, warn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{self, ConfigError};
use crate::identity::{Verifier, VerifierConfig};

/// Sends logs and panics to standard output: as JSON if `AWS_LAMBDA_LOG_FORMAT` is `JSON`, from the level in
/// `AWS_LAMBDA_LOG_LEVEL` up (default `INFO`).
///
/// `lambda_runtime` has a log setup of its own, with filters by module. It is not used, because its filters add a
/// regular expression engine to every binary.
pub fn init_telemetry() {
    let level = log_level(config::optional("AWS_LAMBDA_LOG_LEVEL").as_deref());
    if config::optional("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        json_log(level, std::io::stdout).init();
    } else {
        let log = tracing_subscriber::fmt().with_target(false).without_time().with_ansi(false);
        log.with_max_level(level).init();
    }
    // The default hook prints a text without a level, which Lambda takes for INFO.
    std::panic::set_hook(Box::new(|panic| error!(%panic, "the function panicked; the invocation fails")));
}

/// Returns a log writer (a subscriber of the crate `tracing`) that writes each log event as a line of JSON with the
/// keys `timestamp` (RFC 3339) and `level`. Lambda needs both keys: it treats a line without them as INFO, and drops
/// the line if the function's log level is higher than INFO.
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>
fn json_log<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    tracing_subscriber::fmt().json().with_target(false).with_max_level(level).with_writer(writer).finish()
}

/// Returns the log level for a value of `AWS_LAMBDA_LOG_LEVEL`. Replaces DEBUG and TRACE by INFO, because libraries log
/// whole requests at these levels, with tokens and message texts.
fn log_level(name: Option<&str>) -> LevelFilter {
    match name {
        // Lambda has the level FATAL. The highest level of tracing is ERROR.
        Some("FATAL") => LevelFilter::ERROR,
        name => name.and_then(|name| name.parse().ok()).unwrap_or(LevelFilter::INFO).min(LevelFilter::INFO),
    }
}

/// Returns the token verifier that the environment variables `TOKEN_ISSUER`, `TOKEN_AUDIENCE` and `TOKEN_JWKS_URL`
/// configure. Without `TOKEN_JWKS_URL`, the keys are at `/.well-known/jwks.json` of the issuer.
///
/// The URL of the keys must be https, because whoever can change the keys can sign in as anybody. Only a local cloud,
/// which sets `AWS_ENDPOINT_URL`, may use http.
pub fn verifier() -> Result<Verifier, ConfigError> {
    Verifier::new(verifier_config(config::optional)?)
}

fn verifier_config(setting: impl Fn(&str) -> Option<String>) -> Result<VerifierConfig, ConfigError> {
    let required = |name| setting(name).ok_or_else(|| ConfigError::missing(name));
    let (issuer, audience) = (required("TOKEN_ISSUER")?, required("TOKEN_AUDIENCE")?);
    // The URL of an issuer may end with a slash, as those of Auth0 do. The slash is removed, because the path that is
    // appended begins with a slash.
    let jwks_url =
        setting("TOKEN_JWKS_URL").unwrap_or_else(|| format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')));
    let is_https = jwks_url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
    if !is_https && setting("AWS_ENDPOINT_URL").is_none() {
        let problem = "is not an https URL. Keys that arrive over http could be replaced on the way. Set an https URL; if \
                       the variable is missing, the URL follows from TOKEN_ISSUER";
        return Err(ConfigError::new("TOKEN_JWKS_URL", problem));
    }
    Ok(VerifierConfig { issuer, audience, jwks_url })
}

/// Runs `work` for at most 2 s. `work` opens the connections to AWS that the first request will use.
///
/// Opening connections during the start is faster than during the first request: Lambda gives a whole CPU to a starting
/// instance of any memory size, and it may start an instance before there is a request. A failure is only logged,
/// because the first request then opens its connections itself.
pub async fn warm_up<T, E: std::fmt::Display>(work: impl Future<Output = Result<T, E>>) {
    let failure = match tokio::time::timeout(Duration::from_secs(2), work).await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "timed out after 2 s".to_owned(),
    };
    warn!(failure, "opening connections during the start failed; the first request will open them");
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use contract::{ApiError, Problem};
    use serde_json::Value;
    use tracing::{info, info_span};

    use super::*;
    use crate::report;

    /// Collects the bytes that [`json_log`] writes.
    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns the lines that `work` logs as JSON at `level` and above.
    fn lines(level: LevelFilter, work: impl FnOnce()) -> Vec<Value> {
        let output = Output::default();
        let writer = output.clone();
        tracing::subscriber::with_default(json_log(level, move || writer.clone()), work);
        let bytes = output.0.lock().unwrap();
        str::from_utf8(&bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn log_line_has_an_rfc_3339_timestamp_and_a_level_at_the_top() {
        let lines = lines(LevelFilter::INFO, || {
            let span = info_span!("Lambda runtime invoke", requestId = "r-1");
            span.in_scope(|| warn!(seq = 7, "delivery failed"));
        });
        let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
        assert_eq!(line["level"], "WARN");
        // `Timestamp` can be read only from an RFC 3339 text.
        serde_json::from_value::<contract::Timestamp>(line["timestamp"].clone()).unwrap();
        assert_eq!(line["fields"]["message"], "delivery failed");
        assert_eq!((&line["fields"]["seq"], &line["span"]["requestId"]), (&7.into(), &"r-1".into()));
    }

    #[test]
    fn server_faults_are_errors_and_client_faults_are_not() {
        let lines = lines(LevelFilter::INFO, || {
            _ = report(ApiError::Unavailable("DynamoDB is busy".into()));
            _ = report(ApiError::Internal("a row does not parse".into()));
            _ = report(Problem::thread_not_found().into());
        });
        let levels: Vec<_> = lines.iter().map(|line| line["level"].as_str().unwrap()).collect();
        assert_eq!(levels, ["ERROR", "ERROR", "INFO"]);
    }

    #[test]
    fn level_of_lambda_is_used_but_libraries_never_log_requests() {
        for (name, expected) in [
            (None, LevelFilter::INFO),
            (Some("TRACE"), LevelFilter::INFO),
            (Some("DEBUG"), LevelFilter::INFO),
            (Some("INFO"), LevelFilter::INFO),
            (Some("WARN"), LevelFilter::WARN),
            (Some("ERROR"), LevelFilter::ERROR),
            (Some("FATAL"), LevelFilter::ERROR),
            (Some("loud"), LevelFilter::INFO),
        ] {
            assert_eq!(log_level(name), expected, "{name:?}");
        }
        // A log line below the level is not written: here a line of the level INFO at the level WARN.
        assert_eq!(lines(LevelFilter::WARN, || info!("request rejected")), [Value::Null; 0]);
    }

    /// Returns the URL of the token issuer's key set (JWKS) that follows from these settings, or the text of the
    /// configuration error.
    fn jwks_url(settings: &[(&str, &str)]) -> Result<String, String> {
        let all = [&[("TOKEN_ISSUER", "https://issuer.example"), ("TOKEN_AUDIENCE", "app")][..], settings].concat();
        let setting = |name: &str| all.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        verifier_config(setting).map(|config| config.jwks_url).map_err(|error| error.to_string())
    }

    #[test]
    fn jwks_url_follows_from_the_issuer_without_a_double_slash() {
        for issuer in ["https://issuer.example/pool", "https://issuer.example/pool/"] {
            let url = jwks_url(&[("TOKEN_ISSUER", issuer)]);
            assert_eq!(url.as_deref(), Ok("https://issuer.example/pool/.well-known/jwks.json"));
        }
        let given = "https://keys.example/a.json";
        assert_eq!(jwks_url(&[("TOKEN_JWKS_URL", given)]).as_deref(), Ok(given));
    }

    #[test]
    fn jwks_url_without_tls_is_refused_except_on_a_local_cloud() {
        let endpoint = ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
        for name in ["TOKEN_JWKS_URL", "TOKEN_ISSUER"] {
            for url in
                ["http://keys.example", "HTTP://keys.example", "httpss://keys.example", "keys.example", "https:/"]
            {
                let error = jwks_url(&[(name, url)]).unwrap_err();
                assert!(error.starts_with("TOKEN_JWKS_URL: is not an https URL"), "{url}: {error}");
            }
            assert!(jwks_url(&[(name, "HTTPS://keys.example")]).is_ok());
            assert!(jwks_url(&[(name, "http://127.0.0.1:4566/pool"), endpoint]).is_ok());
        }
        assert!(jwks_url(&[("TOKEN_JWKS_URL", "https:/é")]).is_err());
    }

    #[test]
    fn issuer_is_compared_as_it_is_and_settings_are_required() {
        let settings = |name: &str| (name != "TOKEN_AUDIENCE").then(|| "https://issuer.example/".to_owned());
        assert_eq!(verifier_config(settings).unwrap_err().to_string(), "TOKEN_AUDIENCE: is missing or empty");
        let config = verifier_config(|_| Some("https://issuer.example/".into())).unwrap();
        assert_eq!(config.issuer, "https://issuer.example/");
    }
}
