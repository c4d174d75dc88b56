//! Fuzzes the verification of bearer tokens. The input is used three times: as an `Authorization` header, as the header
//! of a token with a signature that is not valid, and as the claims of a token that the issuer has signed. Only the
//! last one can be accepted.
#![no_main]

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::LazyLock;
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use runtime::identity::{Caller, Verifier, VerifierConfig, bearer};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// The time of every verification. It stays the same, so the keys are fetched once.
const NOW: i64 = 1_757_034_300;

fuzz_target!(|input: &[u8]| {
    let SetUp { issuer, verifier, runtime } = &*SET_UP;
    let verify = |token: &str| runtime.block_on(verifier.verify_at(token, NOW));
    if let Ok(text) = std::str::from_utf8(input) {
        if let Ok(token) = bearer(Some(text)) {
            assert!(verify(token).is_err(), "an unsigned token was accepted");
        }
        let claims = HashMap::from([("sub", text), ("exp", text), ("iat", text), ("name", text)]);
        let claims = claims.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let _ = Caller::from_claims::<std::hash::RandomState>(&claims);
    }
    let [header, claims] =
        [issuer.header().to_string().as_bytes(), input].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    let signed = format!("{header}.{claims}");
    if let Ok(caller) = verify(&format!("{signed}.{}", issuer.signature(&signed))) {
        let claims: Value = serde_json::from_slice(input).unwrap();
        assert_eq!(claims["sub"], caller.id.to_string());
        assert_eq!(claims["iss"], issuer.url);
        assert!(caller.expires_at > NOW - 60);
    }
    let forged = format!("{claims}.{claims}");
    assert!(verify(&format!("{forged}.{}", issuer.signature(&signed))).is_err(), "a forged token was accepted");
});

struct SetUp {
    issuer: Issuer,
    verifier: Verifier,
    runtime: Runtime,
}

static SET_UP: LazyLock<SetUp> = LazyLock::new(|| {
    let issuer = Issuer::start();
    let jwks_url = issuer.keys_url.clone();
    let config = VerifierConfig { issuer: issuer.url.into(), audience: "app".into(), jwks_url };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let set_up = SetUp { issuer, verifier: Verifier::new(config).unwrap(), runtime };
    // Checks that the verifier accepts a valid token. If it could not fetch the keys, it would refuse every token
    // before it reads the claims, and the fuzzer would not reach the parser of the claims.
    let claims = json!({ "iss": set_up.issuer.url, "aud": "app", "sub": "sarah", "exp": NOW + 60 });
    let [header, claims] = [set_up.issuer.header(), claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{claims}");
    let token = format!("{signed}.{}", set_up.issuer.signature(&signed));
    let caller = set_up.runtime.block_on(set_up.verifier.verify_at(&token, NOW));
    assert_eq!(caller.unwrap().id.to_string(), "sarah");
    set_up
});

/// A token issuer with one P-256 key, and a local server that answers every request with this key.
struct Issuer {
    url: &'static str,
    keys_url: String,
    key: EcdsaKeyPair,
}

impl Issuer {
    fn start() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        // The public key is the byte 4, x and y.
        let [x, y] = [1..33, 33..65].map(|part| BASE64_URL_SAFE_NO_PAD.encode(&key.public_key().as_ref()[part]));
        let keys = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "key", "alg": "ES256", "x": x, "y": y }] });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let keys_url = format!("http://{}/keys", listener.local_addr().unwrap());
        thread::spawn(move || {
            let body = keys.to_string();
            let length = body.len();
            for mut connection in listener.incoming().flatten() {
                let _ = connection.read(&mut [0; 4096]);
                let _ = write!(
                    connection,
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
            }
        });
        Self { url: "https://issuer.test", keys_url, key }
    }

    fn header(&self) -> Value {
        json!({ "alg": "ES256", "kid": "key" })
    }

    fn signature(&self, signed: &str) -> String {
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        BASE64_URL_SAFE_NO_PAD.encode(signature)
    }
}
