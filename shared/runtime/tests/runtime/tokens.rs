//! Tests of token verification: which tokens are accepted and which are rejected.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use runtime::identity::{Caller, IdentityError, Verifier, VerifierConfig};
use serde_json::{Value, json};
use testkit::issuer::{AUDIENCE, Answer, Issuer, RSA_KID, Signer};

use super::{assert_rejected, config, now, verifier, with, without};

#[tokio::test]
async fn valid_tokens_identify_their_caller() {
    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    let claims = issuer.claims("sarah", " Sarah ");
    for token in [issuer.token(&claims), issuer.es256_token(&claims)] {
        let caller = verifier.verify(&token).await.unwrap();
        assert_eq!((caller.id.as_str(), caller.name.as_deref()), ("sarah", Some("Sarah")));
        assert_eq!(Some(caller.issued_at), claims["iat"].as_i64());
        assert_eq!(Some(caller.expires_at), claims["exp"].as_i64());
    }
    assert_eq!(issuer.fetches(), 1, "the tokens caused more than one fetch");
}

#[tokio::test]
async fn keys_are_not_fetched_before_the_first_well_formed_token() {
    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    assert_eq!(issuer.fetches(), 0);
    assert!(verifier.verify("garbage").await.is_err());
    assert_eq!(issuer.fetches(), 0, "a malformed token caused a fetch");
}

/// Returns a time claim with a fraction: half a second after `seconds`.
fn half_past(seconds: i64) -> Value {
    serde_json::from_str(&format!("{seconds}.5")).unwrap()
}

#[tokio::test]
async fn claims_are_checked() {
    const EXPIRED: Option<&str> = Some("The token has expired.");
    const EARLY: Option<&str> = Some("The token is not valid yet.");
    const ISSUER: Option<&str> = Some("The token is from another issuer.");
    const AUDIENCE_: Option<&str> = Some("The token is for another audience.");
    const MALFORMED: Option<&str> = Some("The token's claims are incomplete or have wrong types.");
    const RANGE: Option<&str> = Some("A time in the token is out of range.");
    const SUBJECT: Option<&str> = Some("The token's subject is not a valid user ID.");

    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    let now = now();
    let good = || with(issuer.claims("sarah", "Sarah"), "exp", json!(now + 60));
    let set = |name, value| with(good(), name, value);
    let client = |claims, id: &str| with(claims, "client_id", json!(id));
    for (claims, rejection) in [
        (good(), None),
        // The clocks of the server and the issuer may differ by 10 seconds.
        (set("exp", json!(now - 9)), None),
        (set("exp", json!(now - 10)), EXPIRED),
        (set("exp", json!(0)), EXPIRED),
        (set("nbf", json!(now + 10)), None),
        (set("nbf", json!(now + 11)), EARLY),
        (set("exp", half_past(now + 60)), None),
        (set("exp", json!(-1)), RANGE),
        (set("exp", json!(1e300)), RANGE),
        (set("exp", json!(u64::MAX)), RANGE),
        (set("nbf", json!(1e300)), RANGE),
        (set("exp", json!("4102444800")), MALFORMED),
        (without(good(), "exp"), MALFORMED),
        (without(good(), "iat"), None),
        (set("iss", json!("https://other.test")), ISSUER),
        (set("iss", json!(format!("{}/", issuer.url()))), ISSUER),
        (set("iss", json!([issuer.url()])), MALFORMED),
        (without(good(), "iss"), MALFORMED),
        (set("aud", json!("other")), AUDIENCE_),
        (set("aud", json!(["other", AUDIENCE])), None),
        (set("aud", json!(["other"])), AUDIENCE_),
        (set("aud", json!([])), AUDIENCE_),
        (set("aud", json!({AUDIENCE: true})), MALFORMED),
        (without(good(), "aud"), AUDIENCE_),
        (client(without(good(), "aud"), AUDIENCE), None),
        (client(without(good(), "aud"), "other"), AUDIENCE_),
        (client(set("aud", json!("other")), AUDIENCE), AUDIENCE_),
        (without(good(), "sub"), MALFORMED),
        (set("sub", json!(123)), MALFORMED),
        (set("sub", Value::Null), MALFORMED),
        (set("sub", json!("")), SUBJECT),
        (set("sub", json!("x".repeat(2000))), SUBJECT),
        (without(good(), "name"), None),
        (set("name", Value::Null), None),
        (set("name", json!(7)), MALFORMED),
        (json!([issuer.url(), "sarah", AUDIENCE, null, now + 60, null, null, null]), MALFORMED),
        (json!("sarah"), MALFORMED),
        (Value::Null, MALFORMED),
    ] {
        let result = verifier.verify_at(&issuer.token(&claims), now).await;
        match rejection {
            None => assert!(result.is_ok(), "{claims}: {result:?}"),
            Some(reason) => assert_rejected(&result, reason),
        }
    }
}

#[tokio::test]
async fn issuer_with_a_trailing_slash_is_compared_as_it_is() {
    let issuer = Issuer::start().await;
    let slash = format!("{}/", issuer.url());
    let verifier = Verifier::new(VerifierConfig { issuer: slash.clone(), ..config(&issuer) }).unwrap();
    let claims = issuer.claims("sarah", "Sarah");
    let token = issuer.token(&with(claims.clone(), "iss", json!(slash)));
    assert!(verifier.verify(&token).await.is_ok());
    assert_rejected(&verifier.verify(&issuer.token(&claims)).await, "The token is from another issuer.");
}

#[tokio::test]
async fn algorithms_other_than_the_keys_own_are_rejected() {
    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    let claims = issuer.claims("sarah", "Sarah");
    let p256_kid = issuer.p256_kid();
    let mint = |alg: &str, kid: &str, signer| {
        verifier_result(&verifier, issuer.mint(&json!({"alg": alg, "kid": kid}), &claims, &signer))
    };

    for alg in ["none", "None", "NONE", "", "rs256", "RS512", "PS256", "EdDSA", "HS512"] {
        assert_rejected(&mint(alg, RSA_KID, Signer::Nothing).await, "The token's algorithm is not accepted.");
    }
    for (name, secret) in issuer.rsa_public_encodings() {
        let forged = mint("HS256", RSA_KID, Signer::Hmac(secret.clone())).await;
        assert!(matches!(forged, Err(IdentityError::Unauthorized(_))), "{name}");
        // This forgery has the same HMAC signature, but its header names RS256, the algorithm of the RSA key.
        let forged = mint("RS256", RSA_KID, Signer::Hmac(secret)).await;
        assert!(matches!(forged, Err(IdentityError::Unauthorized(_))), "{name}");
    }
    for (alg, kid, signer) in [
        ("RS256", RSA_KID, Signer::Nothing),
        ("ES256", p256_kid.as_str(), Signer::Nothing),
        ("ES256", &p256_kid, Signer::Stranger),
        ("ES256", RSA_KID, Signer::P256),
        ("ES256", RSA_KID, Signer::Rsa),
        ("RS256", &p256_kid, Signer::Rsa),
        ("RS256", &p256_kid, Signer::P256),
    ] {
        assert_rejected(&mint(alg, kid, signer).await, "The token's signature is not valid.");
    }
    assert!(mint("ES256", &p256_kid, Signer::P256).await.is_ok());
}

async fn verifier_result(verifier: &Verifier, token: String) -> Result<Caller, IdentityError> {
    verifier.verify(&token).await
}

#[tokio::test]
async fn changed_tokens_are_rejected() {
    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    let claims = issuer.claims("sarah", "Sarah");
    let other = issuer.token(&with(claims.clone(), "sub", json!("dad")));
    let [_, other_payload, other_signature] = parts(&other);
    for token in [issuer.token(&claims), issuer.es256_token(&claims)] {
        let [header, payload, signature] = parts(&token);
        let changed_bit = |part: &str| {
            let mut bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
            bytes[0] ^= 1;
            URL_SAFE_NO_PAD.encode(bytes)
        };
        let shortened = |part: &str| URL_SAFE_NO_PAD.encode(&URL_SAFE_NO_PAD.decode(part).unwrap()[1..]);
        for changed in [
            format!("{header}.{other_payload}.{signature}"),
            format!("{header}.{payload}.{other_signature}"),
            format!("{header}.{payload}.{}", changed_bit(&signature)),
            format!("{header}.{payload}.{}", shortened(&signature)),
            format!("{header}.{}.{signature}", changed_bit(&payload)),
            format!("{header}.{payload}."),
        ] {
            assert_rejected(&verifier.verify(&changed).await, "The token's signature is not valid.");
        }
    }
}

fn parts(token: &str) -> [String; 3] {
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

#[tokio::test]
async fn malformed_tokens_are_rejected_without_a_fetch() {
    let issuer = Issuer::start().await;
    let verifier = verifier(&issuer);
    let claims = issuer.claims("sarah", "Sarah");
    let good = issuer.token(&claims);
    let [header, payload, signature] = parts(&good);
    let with_header = |header: Value| issuer.mint(&header, &claims, &Signer::Rsa);
    for malformed in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "a.b.c".into(),
        "\0".into(),
        "ä.ö.ü".into(),
        "{}".into(),
        "!.!.!".into(),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}."),
        format!(".{good}"),
        format!("{header}.{payload}.{payload}.{signature}"),
        format!("{good}="),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}\n"),
        format!("{header}.{payload}.+/{signature}"),
        format!("{payload}.{header}.{signature}"),
        "a".repeat(100_000),
        format!("{good}{}", "a".repeat(100_000)),
        format!("{header}.{}.{signature}", "a".repeat(100_000)),
        ".".repeat(100_000),
        with_header(json!(["RS256", RSA_KID, null])),
        with_header(json!("RS256")),
        with_header(Value::Null),
        with_header(json!({})),
        with_header(json!({"alg": "RS256"})),
        with_header(json!({"alg": "RS256", "kid": null})),
        with_header(json!({"alg": "RS256", "kid": 1})),
        with_header(json!({"alg": ["RS256"], "kid": RSA_KID})),
        with_header(json!({"alg": "RS256", "kid": RSA_KID, "crit": ["b64"], "b64": false})),
        with_header(json!({"alg": "RS256", "kid": RSA_KID, "crit": []})),
        format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode("[".repeat(9_000))),
    ] {
        let result = verifier.verify(&malformed).await;
        let shown: String = malformed.chars().take(80).collect();
        assert!(matches!(result, Err(IdentityError::Unauthorized(_))), "{shown}: {result:?}");
    }
    assert_eq!(issuer.fetches(), 0);
    assert!(verifier.verify(&good).await.is_ok());
}

/// The signature of `TOKEN` is valid, but its key has only 1 024 bits.
#[tokio::test]
async fn rsa_keys_under_2048_bits_are_rejected() {
    const N: &str = "snlz_6de5TCbxnqfmdlqhZzEmJvX3YWX_VEYkKuJ3OEJQGtHGd8pHJqhygn9hqPRkR72i7lFY7tHzGRgaGMe1x7pod9TaluHloHHt_5cZdbb_2rVEMAG42sRBp7MQb8irc7-67h7RYUbdQsRgnI9gZBxwg0cAx4nmaRWb_E5ZLs";
    const TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InNob3J0In0.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0IiwiYXVkIjoidGVzdC1jbGllbnQiLCJzdWIiOiJ1c2VyXzEiLCJleHAiOjQxMDI0NDQ4MDB9.l4fxGkUC9NRZtW_1BKoYTQG0Yu6orNcx9gz4pLK95TwQvxNrIzQlKo_XS-Fx1wkCyU1CACXjjg18jZw_ZryxmZwfuaRa_yDjI4qPDfalFOi_dYlhL10PTHm5QuAYV3rs2Jhb4yRYTbzI6hO6eqhqGmNAWd1bZi1TdHeb_GJcyBU";
    let issuer = Issuer::start().await;
    let jwks = json!({"keys": [{"kid": "short", "kty": "RSA", "n": N, "e": "AQAB"}]});
    issuer.answer(Answer::Body(jwks.to_string().into()));
    let verifier = Verifier::new(VerifierConfig { issuer: "https://issuer.test".into(), ..config(&issuer) }).unwrap();
    assert_rejected(&verifier.verify(TOKEN).await, "The token's signature is not valid.");
}

#[tokio::test]
async fn errors_do_not_contain_the_token() {
    let issuer = Issuer::start().await;
    issuer.answer(Answer::Status(500));
    let token = issuer.token(&issuer.claims("sarah", "Sarah"));
    let error = verifier(&issuer).verify(&token).await.unwrap_err();
    for part in parts(&token) {
        assert!(!format!("{error} {error:?}").contains(&part));
    }
}
