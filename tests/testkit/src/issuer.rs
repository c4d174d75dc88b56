//! A token issuer on a local port, in place of Cognito. It publishes a JWK set and issues valid and invalid tokens.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a panic in here fails the test that caused it")]

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A 2,048-bit RSA private key in PKCS #1, only for tests. It is public and protects nothing.
const TEST_ONLY_RSA_KEY: &[u8] = include_bytes!("issuer-test-only-rsa.der");
/// `kid` (key ID) of the issuer's RSA key. The issuer's P-256 key has the `kid` `ec-1`, after the first rotation
/// `ec-2`, and so on.
pub const RSA_KID: &str = "rsa-1";
/// `aud` claim of the tokens.
pub const AUDIENCE: &str = "test-client";

/// The issuer's response to a request for its JWK set.
#[derive(Clone)]
pub enum Answer {
    /// Status 200 with the JWK set.
    Keys,
    /// Status 200 with the given body.
    Body(Bytes),
    /// The given HTTP status without a body.
    Status(u16),
    /// No response: the request never ends.
    Hang,
}

/// The key and algorithm that sign a token.
pub enum Signer {
    /// The issuer's RSA key (RS256).
    Rsa,
    /// The issuer's current P-256 key (ES256).
    P256,
    /// A P-256 key that is not in the JWK set (ES256).
    Stranger,
    /// HMAC with the given bytes as the secret (HS256).
    Hmac(Vec<u8>),
    /// No key: the signature is empty.
    Nothing,
}

/// A running token issuer. It stops with the async runtime on which it was started.
pub struct Issuer {
    url: String,
    rsa: RsaKeyPair,
    shared: Arc<Shared>,
}

struct Shared {
    fetches: AtomicUsize,
    answer: Mutex<Answer>,
    p256: Mutex<P256>,
    rsa_jwk: Value,
}

struct P256 {
    generation: usize,
    key: EcdsaKeyPair,
}

impl Issuer {
    /// Starts an issuer on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        let rsa = RsaKeyPair::from_der(TEST_ONLY_RSA_KEY).expect("the embedded key is not valid");
        let components = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(rsa.public());
        let (n, e) = (encode(components.n), encode(components.e));
        let shared = Arc::new(Shared {
            fetches: AtomicUsize::new(0),
            answer: Mutex::new(Answer::Keys),
            p256: Mutex::new(P256 { generation: 1, key: p256_key() }),
            rsa_jwk: json!({"kid": RSA_KID, "kty": "RSA", "alg": "RS256", "use": "sig", "n": n, "e": e}),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("cannot listen on a local port");
        let url = format!("http://{}", listener.local_addr().expect("the listener has no address"));
        tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self { url, rsa, shared }
    }

    /// Returns the issuer's URL, `http://127.0.0.1:{port}`, which is the `iss` claim of the tokens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the URL of the JWK set.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.url)
    }

    /// Returns the number of requests for the JWK set, including failed ones.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::SeqCst)
    }

    /// Sets the response to all further requests for the JWK set.
    pub fn answer(&self, answer: Answer) {
        *self.shared.answer.lock().expect("another thread panicked while holding the lock") = answer;
    }

    /// Replaces the P-256 key with a new one that has the next `kid`. The old key leaves the JWK set.
    pub fn rotate(&self) {
        let mut p256 = self.shared.p256.lock().expect("another thread panicked while holding the lock");
        *p256 = P256 { generation: p256.generation + 1, key: p256_key() };
    }

    /// Returns the current JWK set.
    #[must_use]
    pub fn jwks(&self) -> Value {
        self.shared.jwks()
    }

    /// Returns the claims of a token for the user ID `sub`, valid for one hour from now.
    #[must_use]
    pub fn claims(&self, sub: &str, name: &str) -> Value {
        let now = now();
        json!({
            "iss": self.url, "aud": AUDIENCE, "sub": sub, "name": name,
            "iat": now, "exp": now + 3600,
        })
    }

    /// Issues a token with the given claims, signed with RS256.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        self.mint(&json!({"typ": "JWT", "alg": "RS256", "kid": RSA_KID}), claims, &Signer::Rsa)
    }

    /// Issues a token with the given claims, signed with ES256.
    #[must_use]
    pub fn es256_token(&self, claims: &Value) -> String {
        let kid = self.p256_kid();
        self.mint(&json!({"typ": "JWT", "alg": "ES256", "kid": kid}), claims, &Signer::P256)
    }

    /// Issues a token with any header, claims and signature, even if they contradict each other.
    #[must_use]
    pub fn mint(&self, header: &Value, claims: &Value, signer: &Signer) -> String {
        let input = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.sign(input.as_bytes(), signer);
        format!("{input}.{}", encode(signature))
    }

    /// Returns the `kid` of the current P-256 key.
    #[must_use]
    pub fn p256_kid(&self) -> String {
        self.shared.p256.lock().expect("another thread panicked while holding the lock").kid()
    }

    /// Returns the RSA public key in all encodings that a faulty verifier might use as an HMAC secret, each with the
    /// encoding's name.
    #[must_use]
    pub fn rsa_public_encodings(&self) -> Vec<(&'static str, Vec<u8>)> {
        // The bytes that precede a PKCS #1 key of 2,048 bits in its SubjectPublicKeyInfo (SPKI).
        const SPKI: &[u8] =
            b"\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82\x01\x0f\x00";
        let pkcs1 = self.rsa.public_key().as_ref();
        let spki = [SPKI, pkcs1].concat();
        let n = self.shared.rsa_jwk["n"].as_str().unwrap_or_default();
        vec![
            ("PKCS #1 DER", pkcs1.to_vec()),
            ("PKCS #1 PEM", pem("RSA PUBLIC KEY", pkcs1).into_bytes()),
            ("SPKI DER", spki.clone()),
            ("SPKI PEM", pem("PUBLIC KEY", &spki).into_bytes()),
            ("SPKI PEM, trimmed", pem("PUBLIC KEY", &spki).trim_end().into()),
            ("modulus", ring::rsa::PublicKeyComponents::<Vec<u8>>::from(self.rsa.public()).n),
            ("modulus, base64url", n.into()),
            ("JWK", self.shared.rsa_jwk.to_string().into_bytes()),
            ("empty", Vec::new()),
        ]
    }

    fn sign(&self, message: &[u8], signer: &Signer) -> Vec<u8> {
        let random = SystemRandom::new();
        let p256 = |key: &EcdsaKeyPair| key.sign(&random, message).expect("cannot sign a message").as_ref().to_vec();
        match signer {
            Signer::Rsa => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("cannot sign a message");
                signature
            }
            Signer::P256 => p256(&self.shared.p256.lock().expect("another thread panicked while holding the lock").key),
            Signer::Stranger => p256(&p256_key()),
            Signer::Hmac(secret) => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
                ring::hmac::sign(&key, message).as_ref().to_vec()
            }
            Signer::Nothing => Vec::new(),
        }
    }
}

impl Shared {
    fn jwks(&self) -> Value {
        let p256 = self.p256.lock().expect("another thread panicked while holding the lock");
        // The public key is an uncompressed point: the byte 4, then x and y of 32 bytes each.
        let (x, y) = p256.key.public_key().as_ref()[1..].split_at(32);
        let p256 = json!({
            "kid": p256.kid(), "kty": "EC", "alg": "ES256", "use": "sig", "crv": "P-256",
            "x": encode(x), "y": encode(y),
        });
        json!({"keys": [self.rsa_jwk, p256]})
    }
}

impl P256 {
    fn kid(&self) -> String {
        format!("ec-{}", self.generation)
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        let service = service_fn(move |_| {
            let shared = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(respond(&shared).await) }
        });
        // The result of this task is ignored, because it is an error if the client closes the connection.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn respond(shared: &Shared) -> Response<Full<Bytes>> {
    shared.fetches.fetch_add(1, Ordering::SeqCst);
    let answer = shared.answer.lock().expect("another thread panicked while holding the lock").clone();
    let (status, body) = match answer {
        Answer::Keys => (200, shared.jwks().to_string().into()),
        Answer::Body(body) => (200, body),
        Answer::Status(status) => (status, Bytes::new()),
        Answer::Hang => std::future::pending().await,
    };
    Response::builder().status(status).body(Full::new(body)).expect("the HTTP status is not valid")
}

fn p256_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("cannot generate a key");
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
        .expect("the generated key is not valid")
}

fn pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the current time, in seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is before 1970").as_secs()
}
