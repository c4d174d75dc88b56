//! Verification of bearer tokens: signed JWTs (RFC 7519) in compact form (RFC 7515 §7.1).

use std::time::{SystemTime, UNIX_EPOCH};

use http::Uri;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use crate::config::ConfigError;

use super::jwk::{Algorithm, decode};
use super::keys::Keys;
use super::{Caller, IdentityError, whole_seconds};

/// Seconds by which the clocks of the server and the token issuer may differ.
const LEEWAY: i64 = 10;
/// The maximum length of a token in bytes. On AWS a longer token does not arrive here, because API Gateway refuses
/// requests with more than 10 240 bytes of headers.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

const MALFORMED_CLAIMS: &str = "The token's claims are incomplete or have wrong types. Use a token with `iss`, `sub`, \
                                `exp`, and `aud` or `client_id`.";

/// Configuration of a [`Verifier`]: which tokens it accepts, and where the issuer publishes the keys to verify them.
#[derive(Clone, Debug)]
pub struct VerifierConfig {
    /// The value that the `iss` claim must have, character by character.
    pub issuer: String,
    /// The value that `aud` must contain. In a token without `aud`, such as an access token of Cognito, `client_id`
    /// must have this value.
    pub audience: String,
    /// The absolute http or https URL of the issuer's JWK set.
    pub jwks_url: String,
}

/// Verifies bearer tokens with an issuer's published keys. A process should have only one, because it caches the keys.
pub struct Verifier {
    issuer: String,
    audience: String,
    keys: Keys,
}

impl Verifier {
    /// Creates a verifier, or fails if the configuration is not valid. Does not connect to the issuer: the keys are
    /// fetched with the first token.
    pub fn new(config: VerifierConfig) -> Result<Self, ConfigError> {
        let VerifierConfig { issuer, audience, jwks_url } = config;
        for (name, value) in [("TOKEN_ISSUER", &issuer), ("TOKEN_AUDIENCE", &audience)] {
            if value.is_empty() {
                return Err(ConfigError::new(name, "is empty"));
            }
        }
        let url = jwks_url.parse::<Uri>().ok();
        let url = url.filter(|url| matches!(url.scheme_str(), Some("http" | "https")));
        let url = url.ok_or_else(|| ConfigError::new("TOKEN_JWKS_URL", "is not an absolute http or https URL"))?;
        Ok(Self { issuer, audience, keys: Keys::new(url) })
    }

    /// Verifies a token and returns its caller. The token must be signed by the issuer (RS256 or ES256) for the
    /// configured audience, and it must not be expired or not yet valid, with a tolerance of 10 seconds.
    pub async fn verify(&self, token: &str) -> Result<Caller, IdentityError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        let now = now.and_then(|now| i64::try_from(now.as_secs()).ok());
        // If the clock is before 1970, every token counts as expired.
        self.verify_at(token, now.unwrap_or(i64::MAX)).await
    }

    /// Verifies a token as [`Self::verify`] does, but for the time `now`, in seconds since 1970, instead of the current
    /// time. Tests use it to set the time.
    pub async fn verify_at(&self, token: &str, now: i64) -> Result<Caller, IdentityError> {
        let token = Token::parse(token)?;
        let verified = self
            .keys
            .with(&token.kid, now, |key| key.verifies(token.algorithm, token.signed.as_bytes(), &token.signature));
        if !verified.await? {
            return Err(IdentityError::Unauthorized(
                "The token's signature is not valid. Sign in again for a new token.",
            ));
        }
        let claims = object(token.payload);
        let claims = claims.ok_or(IdentityError::Unauthorized(MALFORMED_CLAIMS))?;
        self.check(&claims, now)
    }

    fn check(&self, claims: &Claims, now: i64) -> Result<Caller, IdentityError> {
        let reject = |reason| Err(IdentityError::Unauthorized(reason));
        if claims.iss != self.issuer {
            return reject("The token is from another issuer. Sign in with the issuer of this server.");
        }
        // The same rule as API Gateway's authorizer: `client_id` counts only in a token without `aud`.
        let audience_matches = match (&claims.aud, &claims.client_id) {
            (Some(Audience::One(audience)), _) | (None, Some(audience)) => *audience == self.audience,
            (Some(Audience::Many(audiences)), _) => audiences.contains(&self.audience),
            (None, None) => false,
        };
        if !audience_matches {
            return reject("The token is for another audience. Request a token for this application.");
        }
        let exp = claims.exp.seconds()?;
        if exp.saturating_add(LEEWAY) <= now {
            return reject("The token has expired. Sign in again for a new token.");
        }
        let nbf = claims.nbf.as_ref().map(NumericDate::seconds).transpose()?;
        if nbf.is_some_and(|nbf| nbf > now.saturating_add(LEEWAY)) {
            return reject("The token is not valid yet. Try again later, or check the clock of the token's issuer.");
        }
        let iat = claims.iat.as_ref().map(NumericDate::seconds).transpose()?;
        Caller::new(Some(&claims.sub), claims.name.as_deref(), iat, Some(exp))
    }
}

/// The decoded parts of a token, before any of them is verified.
struct Token<'a> {
    kid: String,
    algorithm: Algorithm,
    /// The text that the signature covers: header and payload, as they are in the token.
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
        let malformed = || IdentityError::Unauthorized("The token is not a valid JWT. Sign in again for a new token.");
        if text.len() > MAX_TOKEN_BYTES {
            return Err(IdentityError::Unauthorized("The token is too long. Use a token with fewer claims."));
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
        // `crit` lists extensions that a verifier must understand (RFC 7515 §4.1.11). None is supported, so the token
        // must be rejected.
        if header.crit.is_some() {
            return Err(malformed());
        }
        let algorithm = Algorithm::named(&header.alg);
        Ok(Self {
            kid: header
                .kid
                .ok_or(IdentityError::Unauthorized("The token has no key ID. Use a token with `kid` in its header."))?,
            algorithm: algorithm.ok_or(IdentityError::Unauthorized(
                "The token's algorithm is not accepted. Use a token signed with RS256 or ES256.",
            ))?,
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

/// A time claim (RFC 7519 §2): seconds since 1970, possibly with a fraction.
#[derive(Deserialize)]
struct NumericDate(Number);

impl NumericDate {
    fn seconds(&self) -> Result<i64, IdentityError> {
        let whole = self.0.as_f64().and_then(whole_seconds);
        whole.ok_or(IdentityError::Unauthorized(
            "A time in the token is out of range. Use a token with times in seconds since 1970.",
        ))
    }
}

/// Decodes a part of a token: base64url of a JSON object. Deserializes it through a map, because serde would also read
/// an array as a struct.
fn object<T: DeserializeOwned>(part: &str) -> Option<T> {
    let fields: Map<String, Value> = serde_json::from_slice(&decode(part)?).ok()?;
    T::deserialize(Value::Object(fields)).ok()
}
