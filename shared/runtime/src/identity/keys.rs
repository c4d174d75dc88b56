//! A cache of the token issuer's public keys. Keys are fetched when needed and kept until the process exits.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Mutex;

use super::IdentityError;
use super::jwk::{Key, parse_set};

/// The time limit for one fetch of the key set, from connecting to the last byte.
const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
/// The maximum size of a JWK set. Cognito's set of two keys is under 1 KiB.
const MAX_BYTES: usize = 256 * 1024;
/// Seconds after which the keys are fetched again. A key that the issuer has withdrawn is accepted for at most this
/// long, if the issuer can be reached.
const MAX_AGE: u64 = 3600;
/// Minimum seconds between two fetches, so that tokens with invented key IDs do not cause many requests to the issuer.
const REFETCH_PAUSE: u64 = 30;
/// Minimum seconds between a failed fetch and the next one for a token whose key is not cached.
const RETRY_PAUSE: u64 = 1;

/// The cached key set of one URL. Times are seconds since 1970.
///
/// Uses the wall clock, because a monotonic clock may stop while Lambda freezes the process, but keys still age.
pub(super) struct Keys {
    url: Uri,
    cached: RwLock<Arc<Snapshot>>,
    fetch_lock: Mutex<()>,
}

/// The cached keys and the result of the last fetch.
#[derive(Default)]
struct Snapshot {
    /// The keys of the last successful fetch, by `kid`.
    keys: Arc<HashMap<String, Key>>,
    fetched_at: Option<i64>,
    tried_at: Option<i64>,
    /// The error of the last fetch; `None` if it was successful.
    failure: Option<String>,
}

impl Keys {
    pub(super) fn new(url: Uri) -> Self {
        Self { url, cached: RwLock::default(), fetch_lock: Mutex::default() }
    }

    /// Calls `verify` with the key that has the ID `kid`. First fetches the keys if this key is not cached or the
    /// cached keys are too old, unless the last fetch was less than 30 s ago. After a failed fetch, a key that is not
    /// cached is fetched again after 1 s.
    ///
    /// Fails with `Unauthorized` if the issuer has no such key, and with `KeysUnavailable` if the keys cannot be
    /// fetched.
    pub(super) async fn with<T>(
        &self,
        kid: &str,
        now: i64,
        verify: impl FnOnce(&Key) -> T,
    ) -> Result<T, IdentityError> {
        let mut cached = self.cached();
        if cached.is_fetch_due(kid, now) {
            cached = self.fetch_after(cached, now).await;
        }
        match (cached.keys.get(kid), &cached.failure) {
            (Some(key), _) => Ok(verify(key)),
            (None, None) => Err(IdentityError::Unauthorized(
                "The token is signed with an unknown key. Sign in again for a new token.",
            )),
            (None, Some(failure)) => Err(IdentityError::KeysUnavailable(failure.clone())),
        }
    }

    /// Returns a snapshot that is newer than `seen`. Concurrent callers share one fetch and its result, even a failure.
    async fn fetch_after(&self, seen: Arc<Snapshot>, now: i64) -> Arc<Snapshot> {
        let _lock = self.fetch_lock.lock().await;
        let last = self.cached();
        if !Arc::ptr_eq(&seen, &last) {
            return last;
        }
        let fetched = tokio::time::timeout(FETCH_TIMEOUT, fetch(&self.url)).await;
        let next = match fetched.unwrap_or_else(|_| Err("timed out".to_owned())) {
            Ok(keys) => Snapshot { keys: Arc::new(keys), fetched_at: Some(now), tried_at: Some(now), failure: None },
            Err(cause) => {
                let failure = format!("{}: {cause}", self.url);
                tracing::warn!(
                    failure,
                    "fetching the token issuer's keys failed; cached keys stay in use, a later request will retry"
                );
                Snapshot {
                    keys: Arc::clone(&last.keys),
                    fetched_at: last.fetched_at,
                    tried_at: Some(now),
                    failure: Some(failure),
                }
            }
        };
        let next = Arc::new(next);
        *self.cached.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&next);
        next
    }

    fn cached(&self) -> Arc<Snapshot> {
        Arc::clone(&self.cached.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Snapshot {
    fn is_fetch_due(&self, kid: &str, now: i64) -> bool {
        // After the clock was set back, `time` is in the future. The absolute difference makes a time far in the future
        // count as long ago, so that the keys are fetched again.
        let within = |time: Option<i64>, limit| time.is_some_and(|time| time.abs_diff(now) < limit);
        let pause = match (self.keys.contains_key(kid), &self.failure) {
            (true, _) if within(self.fetched_at, MAX_AGE) => return false,
            (false, Some(_)) => RETRY_PAUSE,
            _ => REFETCH_PAUSE,
        };
        !within(self.tried_at, pause)
    }
}

/// Fetches the key set from `url`. Uses a new client each time: fetches are so rare that the issuer would have closed a
/// kept connection.
async fn fetch(url: &Uri) -> Result<HashMap<String, Key>, String> {
    let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
    let response = client.get(url.clone()).await.map_err(|error| causes(&error))?;
    if response.status() != StatusCode::OK {
        return Err(format!("the response has status {}", response.status()));
    }
    let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
    let body = body.map_err(|error| causes(&*error))?;
    Ok(parse_set(&body.to_bytes())?)
}

/// Returns the error's text with the texts of its causes. hyper's own text is only "client error (Connect)".
fn causes(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
