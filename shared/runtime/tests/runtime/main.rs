//! Tests of authentication against an issuer on loopback: tokens, key sets, and requests from event to response.

#![expect(clippy::unwrap_used, reason = "test helpers outside of #[test] functions")]

mod api;
mod key_set;
mod tokens;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use runtime::identity::{Caller, IdentityError, Verifier, VerifierConfig};
use serde_json::Value;
use testkit::issuer::{AUDIENCE, Issuer};

fn config(issuer: &Issuer) -> VerifierConfig {
    VerifierConfig { issuer: issuer.url().into(), audience: AUDIENCE.into(), jwks_url: issuer.jwks_url() }
}

fn verifier(issuer: &Issuer) -> Arc<Verifier> {
    Arc::new(Verifier::new(config(issuer)).unwrap())
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name).unwrap();
    claims
}

#[track_caller]
fn assert_rejected(result: &Result<Caller, IdentityError>, reason: &str) {
    match result {
        Err(IdentityError::Unauthorized(text)) => assert!(text.starts_with(reason), "{text}"),
        other => panic!("the token was not rejected with \"{reason}\": {other:?}"),
    }
}

#[tokio::test]
async fn invalid_settings_are_reported_by_name() {
    let issuer = Issuer::start().await;
    for jwks_url in ["", "keys.json", "/keys.json", "127.0.0.1:80", "ftp://127.0.0.1/", "file:///etc/keys", "http://"] {
        let config = VerifierConfig { jwks_url: jwks_url.into(), ..config(&issuer) };
        let error = Verifier::new(config).err().unwrap().to_string();
        assert!(error.starts_with("TOKEN_JWKS_URL"), "{jwks_url}: {error}");
    }
    let config = VerifierConfig { audience: String::new(), ..config(&issuer) };
    assert_eq!(Verifier::new(config).err().unwrap().to_string(), "TOKEN_AUDIENCE: is empty");
}
