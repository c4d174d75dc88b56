//! Identifies the caller of a request, from the claims that API Gateway's authorizer has verified or from a bearer
//! token that this module verifies.

mod jwk;
mod keys;
mod verifier;

use std::collections::HashMap;

use contract::{Profile, UserId, changes_layout, is_visible};

pub use verifier::{Verifier, VerifierConfig};

/// The maximum length of a user's name in characters. Longer names in tokens are cut.
const MAX_NAME_CHARS: usize = 100;

const INVALID_SUBJECT: &str =
    "The token's subject is not a valid user ID. Use a `sub` of 1 to 255 bytes without control characters.";
const _: () =
    assert!(contract::limits::USER_ID_BYTES == 255, "INVALID_SUBJECT does not name the value of limits::USER_ID_BYTES");

/// A request could not be authenticated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The token is missing or not valid: a 401. The client gets the text, which contains no part of the token or the
    /// keys.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// The issuer's keys are not available, so the token cannot be verified: a 503. The text is only for the log.
    #[error("the token issuer's keys are unavailable: {0}")]
    KeysUnavailable(String),
}

/// The user who sent a request, from verified claims only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The `sub` claim, unchanged, within the limits of [`UserId::parse`].
    pub id: UserId,
    /// The `name` claim without the characters for which [`changes_layout`] returns true, trimmed and cut to 100
    /// characters; `None` if the claim is missing or has no visible character. A token without a name is accepted.
    pub name: Option<String>,
    /// The `iat` claim in seconds since 1970; 0 if it is missing.
    pub issued_at: i64,
    /// The `exp` claim in seconds since 1970.
    pub expires_at: i64,
}

impl Caller {
    /// Returns the caller's profile, from which the server stores the user's name.
    #[must_use]
    pub fn profile(&self) -> Profile {
        Profile { id: self.id.clone(), name: self.name.clone(), issued_at: self.issued_at }
    }

    /// Returns the caller from claims that API Gateway's JWT authorizer has verified. The authorizer passes every claim
    /// as a string, and times in seconds. Fails without a valid `sub` and `exp`.
    pub fn from_claims<S>(claims: &HashMap<String, String, S>) -> Result<Self, IdentityError>
    where
        S: std::hash::BuildHasher,
    {
        let text = |name| claims.get(name).map(String::as_str);
        let time = |name| match text(name).map(seconds) {
            Some(None) => Err(IdentityError::Unauthorized(
                "A time in the token is not a number. Use a token with times in seconds since 1970.",
            )),
            known => Ok(known.flatten()),
        };
        Self::new(text("sub"), text("name"), time("iat")?, time("exp")?)
    }

    fn new(
        sub: Option<&str>,
        name: Option<&str>,
        issued_at: Option<i64>,
        expires_at: Option<i64>,
    ) -> Result<Self, IdentityError> {
        let sub =
            sub.ok_or(IdentityError::Unauthorized("The token has no subject. Use a token with a `sub` claim."))?;
        let name: String = name.unwrap_or_default().chars().filter(|c| !changes_layout(*c)).collect();
        let name: String = name.trim().chars().take(MAX_NAME_CHARS).collect();
        Ok(Self {
            id: UserId::parse(sub).ok_or(IdentityError::Unauthorized(INVALID_SUBJECT))?,
            name: Some(name).filter(|name| is_visible(name)),
            issued_at: issued_at.unwrap_or(0),
            expires_at: expires_at
                .ok_or(IdentityError::Unauthorized("The token has no expiry time. Use a token with an `exp` claim."))?,
        })
    }
}

/// Returns the token in the value of an `Authorization: Bearer …` header (RFC 6750 §2.1). The scheme is
/// case-insensitive.
pub fn bearer(header: Option<&str>) -> Result<&str, IdentityError> {
    let header = header.ok_or(IdentityError::Unauthorized(
        "The request has no token. Send it in the header `Authorization: Bearer <token>`.",
    ))?;
    let (scheme, token) = header.trim().split_once(' ').unwrap_or((header, ""));
    let token = token.trim_start_matches(' ');
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.bytes().all(is_token) {
        Ok(token)
    } else {
        Err(IdentityError::Unauthorized("The Authorization header is not valid. Send `Authorization: Bearer <token>`."))
    }
}

/// Parses a JWT time claim (`NumericDate`, RFC 7519 §2) and rounds it down to whole seconds since 1970. API Gateway may
/// write large numbers as `1.757034300E9`.
fn seconds(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| whole_seconds(text.parse().ok()?))
}

/// Rounds a JWT time claim down to whole seconds. Returns `None` for NaN, negative numbers and times after the year
/// 9999.
fn whole_seconds(number: f64) -> Option<i64> {
    const YEAR_10000: f64 = 253_402_300_800.0;
    // Only numbers from 0 to the year 9999 are returned. An `i64` can hold them, so the cast loses only the fraction.
    #[allow(clippy::cast_possible_truncation)]
    (0.0..YEAR_10000).contains(&number).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn authorizer_claims_become_a_caller() {
        let found = claims(&[
            ("sub", "user_123"),
            ("name", "  Sarah "),
            ("iat", "1757034300"),
            ("exp", "1757037900"),
            ("aud", "[web app]"),
        ]);
        let expected = Caller {
            id: UserId::parse("user_123").unwrap(),
            name: Some("Sarah".to_owned()),
            issued_at: 1_757_034_300,
            expires_at: 1_757_037_900,
        };
        assert_eq!(Caller::from_claims(&found), Ok(expected));
    }

    #[test]
    fn times_with_fraction_or_exponent_are_accepted() {
        for exp in ["1757037900", "1757037900.9", "1.7570379E9"] {
            let caller = Caller::from_claims(&claims(&[("sub", "a"), ("exp", exp)])).unwrap();
            assert_eq!((caller.expires_at, caller.issued_at), (1_757_037_900, 0), "{exp}");
        }
    }

    #[test]
    fn claims_without_valid_subject_or_times_are_rejected() {
        let long = "x".repeat(contract::limits::USER_ID_BYTES + 1);
        for found in [
            &[("exp", "1")][..],
            &[("sub", ""), ("exp", "1")],
            &[("sub", &long), ("exp", "1")],
            &[("sub", "a\nb"), ("exp", "1")],
            &[("sub", "a")],
            &[("sub", "a"), ("exp", "")],
            &[("sub", "a"), ("exp", "tomorrow")],
            &[("sub", "a"), ("exp", "NaN")],
            &[("sub", "a"), ("exp", "inf")],
            &[("sub", "a"), ("exp", "1e300")],
            &[("sub", "a"), ("exp", "1"), ("iat", "yesterday")],
        ] {
            let refused = Caller::from_claims(&claims(found));
            assert!(matches!(refused, Err(IdentityError::Unauthorized(_))), "{found:?}");
        }
        assert!(Caller::from_claims(&claims(&[("sub", &long[1..]), ("exp", "1")])).is_ok());
    }

    #[test]
    fn names_are_trimmed_and_cut_to_100_characters() {
        let long = "ä".repeat(150);
        let cut = "ä".repeat(100);
        for (name, expected) in [("", None), (" \t ", None), (" Dad ", Some("Dad")), (&long, Some(cut.as_str()))] {
            let found = claims(&[("sub", "a"), ("exp", "1"), ("name", name)]);
            assert_eq!(Caller::from_claims(&found).unwrap().name.as_deref(), expected);
        }
    }

    #[test]
    fn names_lose_characters_that_change_the_layout_and_must_be_visible() {
        for (name, expected) in [
            ("\u{202e}daD\u{202c}", Some("daD")),
            ("\u{2067}Anna\u{2069}\u{0} \n", Some("Anna")),
            ("שרה\u{200f}", Some("שרה\u{200f}")),
            ("\u{202a}\u{202c}", None),
            ("\u{200b}\u{2800}", None),
        ] {
            let found = claims(&[("sub", "a"), ("exp", "1"), ("name", name)]);
            assert_eq!(Caller::from_claims(&found).unwrap().name.as_deref(), expected, "{name:?}");
        }
    }

    #[test]
    fn bearer_accepts_only_one_token_with_the_bearer_scheme() {
        for header in ["Bearer a.b-c_d.e", "bearer a.b-c_d.e", "BEARER   a.b-c_d.e "] {
            assert_eq!(bearer(Some(header)), Ok("a.b-c_d.e"), "{header}");
        }
        for header in
            ["", " ", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearera.b.c", "Bearer a,b", "Bearer ä", "a.b.c"]
        {
            assert!(bearer(Some(header)).is_err(), "{header}");
        }
        assert!(bearer(None).is_err());
    }
}
