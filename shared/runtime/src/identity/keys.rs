//! The issuer's keys, fetched when needed and kept for the life of the process.

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

/// For one fetch, from connecting to the last byte.
const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
/// Cognito's set of two keys is under 1 KiB.
const MAX_BYTES: usize = 256 * 1024;
/// Seconds after which keys are looked up again: how long a withdrawn key may live on while the issuer answers.
const MAX_AGE: u64 = 3600;
/// Least seconds between two fetches: tokens naming invented keys must not become load on the issuer.
const REFETCH_PAUSE: u64 = 30;
/// Least seconds from a failed fetch to the next, for tokens that cannot be judged without one.
const RETRY_PAUSE: u64 = 1;

/// The key set behind one URL. All times are seconds since 1970.
///
/// The wall clock, not a monotonic one: Lambda freezes processes between requests, and keys age then too.
pub(super) struct Keys {
    url: Uri,
    known: RwLock<Arc<Snapshot>>,
    fetching: Mutex<()>,
}

/// What the last fetch left behind.
#[derive(Default)]
struct Snapshot {
    /// From the last fetch that worked.
    keys: Arc<HashMap<String, Key>>,
    fetched_at: Option<i64>,
    tried_at: Option<i64>,
    /// Why the last fetch failed, if it did.
    failure: Option<String>,
}

impl Keys {
    pub(super) fn new(url: Uri) -> Self {
        Self { url, known: RwLock::default(), fetching: Mutex::default() }
    }

    /// Runs `judge` with the key of this id, after a fetch if one is due.
    ///
    /// Unauthorized when the issuer has no such key, `KeysUnavailable` when that cannot be known.
    pub(super) async fn with<T>(&self, kid: &str, now: i64, judge: impl FnOnce(&Key) -> T) -> Result<T, IdentityError> {
        let mut known = self.known();
        if known.is_fetch_due(kid, now) {
            known = self.fetched_after(known, now).await;
        }
        match (known.keys.get(kid), &known.failure) {
            (Some(key), _) => Ok(judge(key)),
            (None, None) => Err(IdentityError::Unauthorized("the token's key is unknown")),
            (None, Some(failure)) => Err(IdentityError::KeysUnavailable(failure.clone())),
        }
    }

    /// What a fetch gives that ended after `seen` was read. Whoever waits here for another's fetch takes
    /// its result, also a failure.
    async fn fetched_after(&self, seen: Arc<Snapshot>, now: i64) -> Arc<Snapshot> {
        let _one_at_a_time = self.fetching.lock().await;
        let last = self.known();
        if !Arc::ptr_eq(&seen, &last) {
            return last;
        }
        let fetched = tokio::time::timeout(FETCH_TIMEOUT, fetch(&self.url)).await;
        let next = match fetched.unwrap_or_else(|_| Err("timed out".to_owned())) {
            Ok(keys) => Snapshot { keys: Arc::new(keys), fetched_at: Some(now), tried_at: Some(now), failure: None },
            Err(cause) => {
                let failure = format!("{}: {cause}", self.url);
                tracing::warn!(failure, "fetching the token issuer's keys failed");
                Snapshot {
                    keys: Arc::clone(&last.keys),
                    fetched_at: last.fetched_at,
                    tried_at: Some(now),
                    failure: Some(failure),
                }
            }
        };
        let next = Arc::new(next);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&next);
        next
    }

    fn known(&self) -> Arc<Snapshot> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Snapshot {
    fn is_fetch_due(&self, kid: &str, now: i64) -> bool {
        // In both directions, so that a clock set back cannot freeze the keys.
        let within = |time: Option<i64>, limit| time.is_some_and(|time| time.abs_diff(now) < limit);
        let pause = match (self.keys.contains_key(kid), &self.failure) {
            (true, _) if within(self.fetched_at, MAX_AGE) => return false,
            (false, Some(_)) => RETRY_PAUSE,
            _ => REFETCH_PAUSE,
        };
        !within(self.tried_at, pause)
    }
}

/// Builds its client each time: a fetch is rare, and a connection kept for the next would be dead by then.
async fn fetch(url: &Uri) -> Result<HashMap<String, Key>, String> {
    let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
    let response = client.get(url.clone()).await.map_err(|error| causes(&error))?;
    if response.status() != StatusCode::OK {
        return Err(format!("answered {}", response.status()));
    }
    let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
    let body = body.map_err(|error| causes(&*error))?;
    Ok(parse_set(&body.to_bytes())?)
}

/// The error with what caused it; hyper's own text stops at "client error (Connect)".
fn causes(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
