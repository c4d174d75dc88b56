//! Bearer tokens: signed JWTs (RFC 7519) in compact form (RFC 7515 §7.1).

use std::time::{SystemTime, UNIX_EPOCH};

use http::Uri;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use crate::config::ConfigError;

use super::jwk::{Algorithm, decode};
use super::keys::Keys;
use super::{Caller, IdentityError, whole_seconds};

/// Seconds by which our clock and the issuer's may differ.
const LEEWAY: i64 = 10;
/// API Gateway passes at most 10 240 bytes of headers.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Whose tokens are accepted.
#[derive(Clone, Debug)]
pub struct VerifierConfig {
    /// What the `iss` claim must equal, character by character.
    pub issuer: String,
    /// What `aud` must contain or, in a token without `aud`, `client_id` must equal (Cognito's access tokens).
    pub audience: String,
    /// Where the issuer publishes its keys: an absolute http or https URL of a JWK set.
    pub jwks_url: String,
}

/// Verifies bearer tokens against an issuer's published keys. Keep one per process: it holds the keys.
pub struct Verifier {
    issuer: String,
    audience: String,
    keys: Keys,
}

impl Verifier {
    /// Connects to nothing yet: the keys are fetched for the first token.
    pub fn new(config: VerifierConfig) -> Result<Self, ConfigError> {
        let VerifierConfig { issuer, audience, jwks_url } = config;
        for (name, value) in [("TOKEN_ISSUER", &issuer), ("TOKEN_AUDIENCE", &audience)] {
            if value.is_empty() {
                return Err(ConfigError::new(name, "is empty"));
            }
        }
        let url = jwks_url.parse::<Uri>().ok();
        let url = url.filter(|url| matches!(url.scheme_str(), Some("http" | "https")));
        let url = url.ok_or_else(|| ConfigError::new("TOKEN_JWKS_URL", "is no absolute http or https URL"))?;
        Ok(Self { issuer, audience, keys: Keys::new(url) })
    }

    /// The caller a token names, if it is signed by the issuer (RS256 or ES256), meant for us and in
    /// its time, give or take 10 seconds.
    pub async fn verify(&self, token: &str) -> Result<Caller, IdentityError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        let now = now.and_then(|now| i64::try_from(now.as_secs()).ok());
        // A clock that cannot be right makes every token an expired one.
        self.verify_at(token, now.unwrap_or(i64::MAX)).await
    }

    /// [`Self::verify`] at a given time, in seconds since 1970: the clock of tests.
    pub async fn verify_at(&self, token: &str, now: i64) -> Result<Caller, IdentityError> {
        let token = Token::parse(token)?;
        let verified = self
            .keys
            .with(&token.kid, now, |key| key.verifies(token.algorithm, token.signed.as_bytes(), &token.signature));
        if !verified.await? {
            return Err(IdentityError::Unauthorized("the token's signature is wrong"));
        }
        let claims = object(token.payload);
        let claims = claims.ok_or(IdentityError::Unauthorized("the token's claims are malformed"))?;
        self.check(&claims, now)
    }

    fn check(&self, claims: &Claims, now: i64) -> Result<Caller, IdentityError> {
        let refuse = |reason| Err(IdentityError::Unauthorized(reason));
        if claims.iss != self.issuer {
            return refuse("the token is of another issuer");
        }
        // As API Gateway does it: `client_id` counts only where there is no `aud`.
        let for_us = match (&claims.aud, &claims.client_id) {
            (Some(Audience::One(audience)), _) | (None, Some(audience)) => *audience == self.audience,
            (Some(Audience::Many(audiences)), _) => audiences.contains(&self.audience),
            (None, None) => false,
        };
        if !for_us {
            return refuse("the token is for another audience");
        }
        let exp = claims.exp.seconds()?;
        if exp.saturating_add(LEEWAY) <= now {
            return refuse("the token has expired");
        }
        let nbf = claims.nbf.as_ref().map(NumericDate::seconds).transpose()?;
        if nbf.is_some_and(|nbf| nbf > now.saturating_add(LEEWAY)) {
            return refuse("the token is not valid yet");
        }
        let iat = claims.iat.as_ref().map(NumericDate::seconds).transpose()?;
        Caller::new(Some(&claims.sub), claims.name.as_deref(), iat, Some(exp))
    }
}

/// The parts of a token, nothing verified yet.
struct Token<'a> {
    kid: String,
    algorithm: Algorithm,
    /// Header and payload as they were signed.
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    fn parse(text: &'a str) -> Result<Self, IdentityError> {
        #[derive(Deserialize)]
        struct Header {
            alg: String,
            kid: Option<String>,
            crit: Option<Value>,
        }
        let malformed = || IdentityError::Unauthorized("the token is malformed");
        if text.len() > MAX_TOKEN_BYTES {
            return Err(IdentityError::Unauthorized("the token is too long"));
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed());
        };
        let signed = &text[..header.len() + 1 + payload.len()];
        let signature = decode(signature).ok_or_else(malformed)?;
        let header: Header = object(header).ok_or_else(malformed)?;
        // Extensions that must be understood (RFC 7515 §4.1.11): none are.
        if header.crit.is_some() {
            return Err(malformed());
        }
        let algorithm = Algorithm::named(&header.alg);
        Ok(Self {
            kid: header.kid.ok_or(IdentityError::Unauthorized("the token names no key"))?,
            algorithm: algorithm.ok_or(IdentityError::Unauthorized("the token's algorithm is not accepted"))?,
            signed,
            payload,
            signature,
        })
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Option<Audience>,
    client_id: Option<String>,
    exp: NumericDate,
    nbf: Option<NumericDate>,
    iat: Option<NumericDate>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// RFC 7519 §2: seconds since 1970, possibly with a fraction.
#[derive(Deserialize)]
struct NumericDate(Number);

impl NumericDate {
    fn seconds(&self) -> Result<i64, IdentityError> {
        let whole = self.0.as_f64().and_then(whole_seconds);
        whole.ok_or(IdentityError::Unauthorized("a time claim is out of range"))
    }
}

/// A base64url part that holds a JSON object. Through a map, because serde would also fill a struct from
/// an array.
fn object<T: DeserializeOwned>(part: &str) -> Option<T> {
    let fields: Map<String, Value> = serde_json::from_slice(&decode(part)?).ok()?;
    T::deserialize(Value::Object(fields)).ok()
}
