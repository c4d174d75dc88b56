//! Identifies this deployment to push services (VAPID, RFC 8292).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use contract::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

use crate::{Endpoint, Error};

/// Seconds until a token expires. RFC 8292, section 2, allows at most 24 hours. Half of it leaves room for clocks that differ.
const LIFETIME: i64 = 12 * 60 * 60;

/// A token is used until this many seconds before it expires.
const MARGIN: i64 = 60 * 60;

/// Maximum number of origins of push services whose tokens are kept. If the cache is full, it is emptied. Vendors of
/// browsers run four push services, some of them with several hosts.
const MAX_TOKENS: usize = 100;

/// The key pair that identifies a deployment. Its public key is part of every push subscription, so it never changes.
pub struct VapidKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    /// The tokens of push services by their origin, with the time in seconds at which they expire. RFC 8292, section 5, asks to
    /// send the same token again, so that a push service verifies it once.
    tokens: Mutex<HashMap<String, (String, i64)>>,
}

impl VapidKey {
    /// Creates a new key pair. Returns its [`public_key`](Self::public_key), and the pair as a PKCS #8 document.
    pub fn generate() -> Result<(String, Vec<u8>), Error> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
        Ok((Self::from_pkcs8(document.as_ref())?.public_key(), document.as_ref().to_vec()))
    }

    /// Reads a key pair that [`generate`](Self::generate) has created.
    pub fn from_pkcs8(document: &[u8]) -> Result<Self, Error> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document, &random);
        Ok(Self { pair: pair.map_err(|_| Error::BadKey)?, random, tokens: Mutex::default() })
    }

    /// Returns the public key, an uncompressed point of P-256 in base64url without padding.
    #[must_use]
    pub fn public_key(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.pair.public_key())
    }

    /// Returns the value of the header `Authorization` for requests to `endpoint` (RFC 8292, section 3). The value
    /// stays the same for 11 hours, and is valid for one more hour. `contact` is a `mailto:` or `https:` URI, at which
    /// the operators of the push service may reach the operators of this deployment.
    pub fn authorization(&self, endpoint: &Endpoint, contact: &str, now: Timestamp) -> Result<String, Error> {
        let (origin, now) = (endpoint.origin(), now.seconds());
        // Every write leaves the map consistent, so the map can be used even if a thread panicked while it held the
        // lock.
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((header, expires)) = tokens.get(origin)
            && now < expires - MARGIN
        {
            return Ok(header.clone());
        }
        let expires = now + LIFETIME;
        let claims = json!({"aud": origin, "exp": expires, "sub": contact});
        let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", encode(r#"{"typ":"JWT","alg":"ES256"}"#), encode(&claims.to_string()));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.pair.sign(&self.random, signed.as_bytes())?);
        let header = format!("vapid t={signed}.{signature}, k={}", self.public_key());
        if tokens.len() >= MAX_TOKENS {
            tokens.clear();
        }
        tokens.insert(origin.to_owned(), (header.clone(), expires));
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use serde_json::Value;

    use super::*;
    use crate::PushHosts;

    fn endpoint(text: &str) -> Endpoint {
        PushHosts::parse("fcm.googleapis.com,*.example.org,http://127.0.0.1").unwrap().endpoint(text).unwrap()
    }

    fn decode(text: &str) -> Vec<u8> {
        BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn token_is_signed_for_the_origin_with_its_port_and_expires() {
        let key = VapidKey::from_pkcs8(&VapidKey::generate().unwrap().1).unwrap();
        for (url, origin) in [
            ("https://fcm.googleapis.com/fcm/send/abc", "https://fcm.googleapis.com"),
            ("http://127.0.0.1:4000/push/1?x=y", "http://127.0.0.1:4000"),
        ] {
            let now = Timestamp::from_millis(1_000_000);
            let header = key.authorization(&endpoint(url), "mailto:a@example.org", now).unwrap();
            let (token, public) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let verified = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, decode(public));
            verified.verify(signed.as_bytes(), &decode(signature)).unwrap();
            let claims: Value = serde_json::from_slice(&decode(signed.split_once('.').unwrap().1)).unwrap();
            assert_eq!(claims, json!({"aud": origin, "exp": 1_000 + 43_200, "sub": "mailto:a@example.org"}));
        }
    }

    #[test]
    fn token_is_kept_for_its_origin_until_shortly_before_it_expires() {
        let key = VapidKey::from_pkcs8(&VapidKey::generate().unwrap().1).unwrap();
        let header = |url: &str, seconds: i64| {
            key.authorization(&endpoint(url), "mailto:a@example.org", Timestamp::from_millis(seconds * 1_000)).unwrap()
        };
        let first = header("https://a.example.org/1", 0);
        assert_ne!(header("https://b.example.org/1", 0), first, "two origins have the same token");
        assert_eq!(header("https://a.example.org/2", 11 * 3_600 - 1), first, "the token was renewed too early");
        assert_ne!(header("https://a.example.org/1", 11 * 3_600), first, "the token was not renewed");
        for service in 0..2 * MAX_TOKENS {
            let endpoint = endpoint(&format!("https://{service}.example.org/"));
            key.authorization(&endpoint, "mailto:a@example.org", Timestamp::from_millis(0)).unwrap();
        }
        assert!(key.tokens.lock().unwrap().len() <= MAX_TOKENS);
    }

    #[test]
    fn other_documents_are_refused() {
        assert!(matches!(VapidKey::from_pkcs8(b"not a key"), Err(Error::BadKey)));
    }
}
