//! Who calls: the claims of API Gateway's authorizer or, where there is none, of a bearer token
//! verified here.

mod jwk;
mod keys;
mod verifier;

use std::collections::HashMap;

use contract::{Profile, UserId};

pub use verifier::{Verifier, VerifierConfig};

/// Longest display name kept, in characters. The issuer's profile may hold a longer one.
const MAX_NAME_CHARS: usize = 100;

/// Why nobody was identified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The token is missing or bad: a 401. The reason is safe to show and says nothing about keys.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// The issuer's keys cannot be had, so nothing can be said about the token: a 503. For the log only.
    #[error("the token issuer's keys are unavailable: {0}")]
    KeysUnavailable(String),
}

/// The user behind a request, from verified claims only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The `sub` claim as it is, within the limits of [`UserId::parse`].
    pub id: UserId,
    /// The `name` claim, trimmed and cut to 100 characters. None when absent or blank.
    pub name: Option<String>,
    /// The `iat` claim, seconds since 1970; 0 when absent.
    pub issued_at: i64,
    /// The `exp` claim, seconds since 1970.
    pub expires_at: i64,
}

impl Caller {
    /// What the store keeps of the user.
    #[must_use]
    pub fn profile(&self) -> Profile {
        Profile { id: self.id.clone(), name: self.name.clone(), issued_at: self.issued_at }
    }

    /// The caller from the claims that API Gateway's JWT authorizer has verified. It hands every
    /// claim over as a string, times as decimal seconds.
    ///
    /// Refuses claims without `sub` or `exp`.
    pub fn from_claims<S>(claims: &HashMap<String, String, S>) -> Result<Self, IdentityError>
    where
        S: std::hash::BuildHasher,
    {
        let text = |name| claims.get(name).map(String::as_str);
        let time = |name| match text(name).map(seconds) {
            Some(None) => Err(IdentityError::Unauthorized("a time claim is not a number")),
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
        let sub = sub.ok_or(IdentityError::Unauthorized("the token has no subject"))?;
        let name: String = name.unwrap_or_default().trim().chars().take(MAX_NAME_CHARS).collect();
        Ok(Self {
            id: UserId::parse(sub).ok_or(IdentityError::Unauthorized("the token's subject is no user id"))?,
            name: Some(name).filter(|name| !name.is_empty()),
            issued_at: issued_at.unwrap_or(0),
            expires_at: expires_at.ok_or(IdentityError::Unauthorized("the token has no expiry"))?,
        })
    }
}

/// The token of an `Authorization: Bearer …` header (RFC 6750 §2.1). The scheme's case does not matter.
pub fn bearer(header: Option<&str>) -> Result<&str, IdentityError> {
    let header = header.ok_or(IdentityError::Unauthorized("a bearer token is required"))?;
    let (scheme, token) = header.trim().split_once(' ').unwrap_or((header, ""));
    let token = token.trim_start_matches(' ');
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.bytes().all(is_token) {
        Ok(token)
    } else {
        Err(IdentityError::Unauthorized("the Authorization header is not a bearer token"))
    }
}

/// A `NumericDate` (RFC 7519 §2) as text: seconds since 1970, fractions dropped. Gateways print large
/// numbers also as `1.757034300E9`.
fn seconds(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| whole_seconds(text.parse().ok()?))
}

/// None for what is not a number or lies beyond the year 9999.
fn whole_seconds(number: f64) -> Option<i64> {
    const YEAR_10000: f64 = 253_402_300_800.0;
    // The range is checked first, so nothing is lost but the fraction.
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
    fn times_may_have_a_fraction_or_an_exponent() {
        for exp in ["1757037900", "1757037900.9", "1.7570379E9"] {
            let caller = Caller::from_claims(&claims(&[("sub", "a"), ("exp", exp)])).unwrap();
            assert_eq!((caller.expires_at, caller.issued_at), (1_757_037_900, 0), "{exp}");
        }
    }

    #[test]
    fn claims_without_subject_or_usable_times_are_refused() {
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
    fn names_are_trimmed_and_cut_between_characters() {
        let long = "ä".repeat(150);
        let cut = "ä".repeat(100);
        for (name, expected) in [("", None), (" \t ", None), (" Dad ", Some("Dad")), (&long, Some(cut.as_str()))] {
            let found = claims(&[("sub", "a"), ("exp", "1"), ("name", name)]);
            assert_eq!(Caller::from_claims(&found).unwrap().name.as_deref(), expected);
        }
    }

    #[test]
    fn bearer_headers() {
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
