//! The receiving side of Web Push: a browser's subscription, and what its push service checks. It shares no code with the
//! crate `webpush`, and no cryptography but the source of random numbers.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use hyper::{Method, Request};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Value, json};
use web_push_native::p256::ecdsa::{Signature, VerifyingKey, signature::Verifier as _};
use web_push_native::p256::elliptic_curve::sec1::ToEncodedPoint as _;
use web_push_native::{Auth, decrypt, p256::SecretKey};

/// A push subscription as a browser has it: the endpoint and the keys.
#[derive(Clone)]
pub struct Device {
    /// The push service's URL of the subscription.
    pub endpoint: String,
    key: SecretKey,
    secret: [u8; 16],
    /// The `applicationServerKey` that the page has subscribed with.
    server_key: String,
}

/// A push message (RFC 8030) that a device has received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The decrypted content.
    pub content: Vec<u8>,
    /// Header `Topic`; empty if there was none.
    pub topic: String,
    /// Header `TTL`, in seconds.
    pub ttl: u64,
}

impl Received {
    /// Returns the content as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.content).expect("the content of the push message is not JSON")
    }
}

impl Device {
    /// Creates the keys of a subscription with this endpoint. Only push messages that are signed with the VAPID key
    /// `server_key` (base64url) are accepted for it.
    #[must_use]
    pub fn new(endpoint: String, server_key: &str) -> Self {
        let random = |bytes: &mut [u8]| SystemRandom::new().fill(bytes).expect("the system has no random numbers");
        let (mut key, mut secret) = ([0; 32], [0; 16]);
        random(&mut key);
        random(&mut secret);
        let key = SecretKey::from_slice(&key).expect("the random number is larger than the order of P-256");
        Self { endpoint, key, secret, server_key: server_key.to_owned() }
    }

    /// Returns the public key in base64url.
    #[must_use]
    pub fn p256dh(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.key.public_key().to_encoded_point(false))
    }

    /// Returns the authentication secret in base64url.
    #[must_use]
    pub fn auth(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.secret)
    }

    /// Returns what `PushSubscription.toJSON()` returns in the browser.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let keys = json!({"p256dh": self.p256dh(), "auth": self.auth()});
        json!({"endpoint": self.endpoint, "expirationTime": null, "keys": keys})
    }

    /// Decrypts the body of a request (RFC 8291).
    pub fn decrypt(&self, body: &[u8]) -> Result<Vec<u8>, String> {
        decrypt(body.to_vec(), &self.key, &Auth::from(self.secret)).map_err(|error| format!("cannot decrypt: {error}"))
    }

    /// Checks a request to this device's endpoint as a strict push service does (RFC 8030, RFC 8292), at a time in seconds since
    /// 1970, and decrypts it as the browser does. Fails with the reason why one of them refuses it.
    pub fn receive(&self, request: &Request<Bytes>, now: i64) -> Result<Received, String> {
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or("not ASCII"));
        if request.method() != Method::POST {
            return Err(format!("the method is {}", request.method()));
        }
        // RFC 8030, section 5.2.
        let ttl = header("ttl").and_then(|ttl| ttl.parse().ok()).ok_or("the header TTL is missing or not a number")?;
        // RFC 8030, section 5.3.
        if !["very-low", "low", "normal", "high"].contains(&header("urgency").unwrap_or("normal")) {
            return Err("the urgency is not valid".into());
        }
        // RFC 8030, section 5.4.
        let topic = header("topic").unwrap_or_default();
        let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if topic.len() > 32 || !topic.bytes().all(is_base64url) {
            return Err(format!("the topic is longer than 32 characters or not base64url: {topic}"));
        }
        if header("content-encoding") != Some("aes128gcm") {
            return Err("the content coding is not aes128gcm".into());
        }
        if request.body().len() > 4_096 {
            return Err(format!("the body has {} bytes, more than 4096", request.body().len()));
        }
        self.check_authorization(header("authorization").unwrap_or_default(), now)?;
        Ok(Received { content: self.decrypt(request.body())?, topic: topic.to_owned(), ttl })
    }

    /// Checks the header `Authorization` (RFC 8292, sections 2, 3 and 4.2).
    fn check_authorization(&self, header: &str, now: i64) -> Result<(), String> {
        let parameters = header.strip_prefix("vapid ").ok_or("the scheme of the authorization is not vapid")?;
        let parameter = |name: &str| parameters.split(',').find_map(|pair| pair.trim().strip_prefix(name));
        let (token, key) = parameter("t=").zip(parameter("k=")).ok_or("the token or the key is missing")?;
        if key != self.server_key {
            return Err("the subscription belongs to another key".into());
        }
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|error| format!("{text}: {error}"));
        let (signed, signature) = token.rsplit_once('.').ok_or("the token is not a JWT")?;
        let verified = VerifyingKey::from_sec1_bytes(&decode(key)?).and_then(|key| {
            key.verify(signed.as_bytes(), &Signature::from_slice(&decode(signature).unwrap_or_default())?)
        });
        verified.map_err(|error| format!("the signature is not valid: {error}"))?;

        let (head, claims) = signed.split_once('.').ok_or("the token is not a JWT")?;
        let json = |part: &str| {
            serde_json::from_slice::<Value>(&decode(part)?).map_err(|error| format!("the token is not JSON: {error}"))
        };
        let (head, claims) = (json(head)?, json(claims)?);
        if head != json!({"typ": "JWT", "alg": "ES256"}) {
            return Err(format!("the header of the token is {head}"));
        }
        let origin = self.endpoint.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        if claims["aud"] != origin {
            return Err(format!("the token is for {}, not for {origin}", claims["aud"]));
        }
        if !claims["exp"].as_i64().is_some_and(|expires| expires > now && expires <= now + 24 * 60 * 60) {
            return Err(format!("the token expires at {}, now it is {now}", claims["exp"]));
        }
        let contact = claims["sub"].as_str().unwrap_or_default();
        if !contact.starts_with("mailto:") && !contact.starts_with("https://") {
            return Err(format!("the contact is {contact}"));
        }
        Ok(())
    }
}
