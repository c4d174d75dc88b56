//! A token issuer on loopback: publishes a JWK set and mints tokens, good and bad.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a fake that cannot work fails its test at once")]

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

/// A 2 048-bit private key in PKCS #1, made for these tests and published with them: it protects nothing.
const TEST_ONLY_RSA_KEY: &[u8] = include_bytes!("issuer-test-only-rsa.der");
/// The `kid` of the RSA key. The P-256 key's is `ec-1`, after a rotation `ec-2`, and so on.
pub const RSA_KID: &str = "rsa-1";
/// Whom the tokens are for.
pub const AUDIENCE: &str = "test-client";

/// How the issuer answers a request for its keys.
#[derive(Clone)]
pub enum Answer {
    /// With its JWK set.
    Keys,
    /// With this body instead.
    Body(Bytes),
    /// With this HTTP status and no body.
    Status(u16),
    /// Never.
    Hang,
}

/// What a token is signed with.
pub enum Signer {
    /// The issuer's RSA key (RS256).
    Rsa,
    /// The issuer's present P-256 key (ES256).
    P256,
    /// A P-256 key that nobody published (ES256).
    Stranger,
    /// HMAC with these bytes (HS256).
    Hmac(Vec<u8>),
    /// Nothing: the signature is empty.
    Nothing,
}

/// A running issuer. Stops with the runtime that it was started on.
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
    /// Starts on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        let rsa = RsaKeyPair::from_der(TEST_ONLY_RSA_KEY).expect("the embedded key");
        let components = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(rsa.public());
        let (n, e) = (encode(components.n), encode(components.e));
        let shared = Arc::new(Shared {
            fetches: AtomicUsize::new(0),
            answer: Mutex::new(Answer::Keys),
            p256: Mutex::new(P256 { generation: 1, key: p256_key() }),
            rsa_jwk: json!({"kid": RSA_KID, "kty": "RSA", "alg": "RS256", "use": "sig", "n": n, "e": e}),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self { url, rsa, shared }
    }

    /// What tokens carry as `iss`: `http://127.0.0.1:{port}`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the keys are.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.url)
    }

    /// How often the keys have been asked for, whatever the answer.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::SeqCst)
    }

    /// Changes how requests for the keys are answered from now on.
    pub fn answer(&self, answer: Answer) {
        *self.shared.answer.lock().expect("no panic while locked") = answer;
    }

    /// Replaces the P-256 key by a new one with the next `kid`; the old one is withdrawn.
    pub fn rotate(&self) {
        let mut p256 = self.shared.p256.lock().expect("no panic while locked");
        *p256 = P256 { generation: p256.generation + 1, key: p256_key() };
    }

    /// The JWK set as published.
    #[must_use]
    pub fn jwks(&self) -> Value {
        self.shared.jwks()
    }

    /// Claims of a good token that is valid for an hour from now.
    #[must_use]
    pub fn claims(&self, sub: &str, name: &str) -> Value {
        let now = now();
        json!({
            "iss": self.url, "aud": AUDIENCE, "sub": sub, "name": name,
            "iat": now, "exp": now + 3600,
        })
    }

    /// A good token with these claims, RS256.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        self.mint(&json!({"typ": "JWT", "alg": "RS256", "kid": RSA_KID}), claims, &Signer::Rsa)
    }

    /// The same, ES256.
    #[must_use]
    pub fn es256_token(&self, claims: &Value) -> String {
        let kid = self.p256_kid();
        self.mint(&json!({"typ": "JWT", "alg": "ES256", "kid": kid}), claims, &Signer::P256)
    }

    /// A token of this header, with any claims, even nonsense, and any signature.
    #[must_use]
    pub fn mint(&self, header: &Value, claims: &Value, signer: &Signer) -> String {
        let input = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.sign(input.as_bytes(), signer);
        format!("{input}.{}", encode(signature))
    }

    /// The `kid` of the present P-256 key.
    #[must_use]
    pub fn p256_kid(&self) -> String {
        self.shared.p256.lock().expect("no panic while locked").kid()
    }

    /// The RSA public key in the shapes that a confused verifier might take for an HMAC secret, each with a
    /// name.
    #[must_use]
    pub fn rsa_public_encodings(&self) -> Vec<(&'static str, Vec<u8>)> {
        // SubjectPublicKeyInfo around the PKCS #1 key; the lengths are those of every 2 048-bit key.
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
        let p256 = |key: &EcdsaKeyPair| key.sign(&random, message).expect("signing").as_ref().to_vec();
        match signer {
            Signer::Rsa => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("signing");
                signature
            }
            Signer::P256 => p256(&self.shared.p256.lock().expect("no panic while locked").key),
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
        let p256 = self.p256.lock().expect("no panic while locked");
        // An uncompressed point: 4, x, y.
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
        // A client that hangs up ends its connection with an error; that is its business.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn respond(shared: &Shared) -> Response<Full<Bytes>> {
    shared.fetches.fetch_add(1, Ordering::SeqCst);
    let answer = shared.answer.lock().expect("no panic while locked").clone();
    let (status, body) = match answer {
        Answer::Keys => (200, shared.jwks().to_string().into()),
        Answer::Body(body) => (200, body),
        Answer::Status(status) => (status, Bytes::new()),
        Answer::Hang => std::future::pending().await,
    };
    Response::builder().status(status).body(Full::new(body)).expect("a valid status")
}

fn p256_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a random key");
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).expect("the key just made")
}

fn pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}
