//! Tests of the cache of the token issuer's keys: when keys are fetched, and what happens if that fails.

use std::sync::Arc;
use std::time::Instant;

use runtime::identity::{Caller, IdentityError, Verifier, VerifierConfig};
use serde_json::json;
use testkit::issuer::{Answer, Issuer, RSA_KID, Signer};
use tokio::task::JoinSet;

use super::{assert_rejected, config, now, verifier, with};

const UNKNOWN_KEY: &str = "The token is signed with an unknown key.";

/// Returns a token whose header names the key `kid`, which the issuer does not have.
fn unknown_kid(issuer: &Issuer, kid: &str) -> String {
    issuer.mint(&json!({"alg": "RS256", "kid": kid}), &issuer.claims("sarah", "Sarah"), &Signer::Rsa)
}

#[track_caller]
fn assert_unavailable(result: &Result<Caller, IdentityError>, cause: &str) {
    match result {
        Err(IdentityError::KeysUnavailable(text)) => assert!(text.contains(cause), "{text}"),
        other => panic!("verifying did not fail with KeysUnavailable ({cause}): {other:?}"),
    }
}

#[tokio::test]
async fn rotated_key_is_found_with_one_fetch() {
    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    let (now, claims) = (now(), issuer.claims("sarah", "Sarah"));
    let old = issuer.es256_token(&claims);
    assert!(verifier.verify_at(&old, now).await.is_ok());

    issuer.rotate();
    let new = issuer.es256_token(&claims);
    assert!(verifier.verify_at(&new, now + 30).await.is_ok());
    assert_rejected(&verifier.verify_at(&old, now + 30).await, UNKNOWN_KEY);
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn unknown_keys_cause_at_most_one_fetch_in_30_seconds() {
    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    let start = now();
    for (at, fetches) in [(0, 1), (29, 1), (30, 2), (59, 2), (60, 3)] {
        let mut all = JoinSet::new();
        for number in 0..50 {
            let token = unknown_kid(&issuer, &format!("invented-{number}"));
            let verifier = Arc::clone(&verifier);
            all.spawn(async move { verifier.verify_at(&token, start + at).await });
        }
        for result in all.join_all().await {
            assert_rejected(&result, UNKNOWN_KEY);
        }
        assert_eq!(issuer.fetches(), fetches, "after {at} s");
    }
}

#[tokio::test]
async fn concurrent_first_tokens_share_one_fetch_even_if_it_fails() {
    for answer in [Answer::Status(500), Answer::Keys] {
        let issuer = Issuer::start().await;
        let verifier = verifier(&issuer);
        issuer.answer(answer.clone());
        let claims = issuer.claims("sarah", "Sarah");
        let mut all = JoinSet::new();
        for number in 0..50 {
            // The calls pass times that differ by up to 4 s. The pause after a failed fetch is only 1 s, but concurrent
            // calls must share one fetch all the same.
            let at = now() + number % 5;
            let (verifier, token) = (Arc::clone(&verifier), issuer.token(&claims));
            all.spawn(async move { verifier.verify_at(&token, at).await });
        }
        for result in all.join_all().await {
            assert_eq!(result.is_ok(), matches!(answer, Answer::Keys));
        }
        assert_eq!(issuer.fetches(), 1);
    }
}

#[tokio::test]
async fn failing_issuer_is_unavailable_and_retried_after_a_second() {
    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    let (now, good) = (now(), issuer.token(&issuer.claims("sarah", "Sarah")));
    issuer.answer(Answer::Status(503));
    assert_unavailable(&verifier.verify_at(&good, now).await, "503");
    assert_unavailable(&verifier.verify_at(&good, now).await, "503");
    assert_eq!(issuer.fetches(), 1, "the fetch was retried within a second");

    issuer.answer(Answer::Keys);
    assert!(verifier.verify_at(&good, now + 1).await.is_ok());
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn refused_connection_is_unavailable() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let issuer = Issuer::start().await;
    let jwks_url = format!("http://{closed}/jwks.json");
    let verifier = Verifier::new(VerifierConfig { jwks_url, ..config(&issuer) }).unwrap();
    assert_unavailable(&verifier.verify(&issuer.token(&issuer.claims("sarah", "Sarah"))).await, "Connection refused");
}

#[tokio::test]
async fn hanging_issuer_times_out_after_2_seconds_and_does_not_delay_cached_keys() {
    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    let (now, good) = (now(), issuer.token(&issuer.claims("sarah", "Sarah")));
    assert!(verifier.verify_at(&good, now).await.is_ok());

    issuer.answer(Answer::Hang);
    let started = Instant::now();
    let (waiting, unknown) = (Arc::clone(&verifier), unknown_kid(&issuer, "new"));
    let waiting = tokio::spawn(async move { waiting.verify_at(&unknown, now + 30).await });
    while issuer.fetches() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(verifier.verify_at(&good, now + 30).await.is_ok());
    assert!(!waiting.is_finished());
    assert_unavailable(&waiting.await.unwrap(), "timed out");
    assert!((2..4).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());

    issuer.answer(Answer::Keys);
    assert_rejected(&verifier.verify_at(&unknown_kid(&issuer, "new"), now + 33).await, UNKNOWN_KEY);
    assert_eq!(issuer.fetches(), 3);
}

#[tokio::test]
async fn keys_are_fetched_hourly_and_kept_after_a_failed_fetch() {
    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    let now = now();
    let claims = with(issuer.claims("sarah", "Sarah"), "exp", json!(now + 100_000));
    let (rsa, withdrawn) = (issuer.token(&claims), issuer.es256_token(&claims));
    assert!(verifier.verify_at(&withdrawn, now).await.is_ok());
    issuer.rotate();
    assert!(verifier.verify_at(&withdrawn, now + 3599).await.is_ok());
    assert_eq!(issuer.fetches(), 1);

    issuer.answer(Answer::Status(500));
    for (at, fetches) in [(3600, 2), (3629, 2), (3630, 3)] {
        assert!(verifier.verify_at(&rsa, now + at).await.is_ok());
        assert_eq!(issuer.fetches(), fetches, "after {at} s");
    }
    // The issuer may have published the key `new` since the last successful fetch. So the verifier does not reject a
    // token with this key, but reports that the keys are unavailable.
    assert_unavailable(&verifier.verify_at(&unknown_kid(&issuer, "new"), now + 3630).await, "500");

    issuer.answer(Answer::Keys);
    assert_rejected(&verifier.verify_at(&withdrawn, now + 3660).await, UNKNOWN_KEY);
    assert!(verifier.verify_at(&rsa, now + 3660).await.is_ok());
    assert_eq!(issuer.fetches(), 4);
}

#[tokio::test]
async fn invalid_key_sets_are_unavailable() {
    let huge = format!("{{\"keys\": [], \"padding\": \"{}\"}}", "x".repeat(256 * 1024));
    let secret = json!({"keys": [{"kid": RSA_KID, "kty": "oct", "k": "c2VjcmV0"}]});
    for (body, cause) in [
        (huge, "length limit exceeded"),
        (String::new(), "not a JWK set"),
        ("<html>".into(), "not a JWK set"),
        ("{}".into(), "not a JWK set"),
        (r#"{"keys": {}}"#.into(), "not a JWK set"),
        ("[".repeat(100_000), "not a JWK set"),
        (r#"{"keys": []}"#.into(), "no usable key"),
        (secret.to_string(), "no usable key"),
    ] {
        let issuer = Issuer::start().await;
        issuer.answer(Answer::Body(body.into()));
        let token = issuer.token(&issuer.claims("sarah", "Sarah"));
        assert_unavailable(&verifier(&issuer).verify(&token).await, cause);
    }
}

#[tokio::test]
async fn keys_of_unknown_types_are_skipped() {
    let issuer = Issuer::start().await;
    let mut jwks = issuer.jwks();
    let keys = jwks["keys"].as_array_mut().unwrap();
    for strange in [json!(null), json!({"kty": "AKP", "kid": "pq", "alg": "ML-DSA-65"}), json!({"kty": 1}), json!([])] {
        keys.insert(0, strange);
    }
    issuer.answer(Answer::Body(jwks.to_string().into()));
    let verifier = verifier(&issuer);
    let claims = issuer.claims("sarah", "Sarah");
    assert!(verifier.verify(&issuer.token(&claims)).await.is_ok());
    assert!(verifier.verify(&issuer.es256_token(&claims)).await.is_ok());
}
