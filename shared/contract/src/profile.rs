use crate::UserId;

/// A user as described by their verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The token's `sub` claim.
    pub id: UserId,
    /// The name from the token's `name` claim; `None` if the claim is missing or has no visible character. Access
    /// tokens of Cognito do not have the claim.
    pub name: Option<String>,
    /// The token's `iat` claim: when the token was issued, in seconds since 1970. The name in the database is kept if
    /// it came from a token that was issued later than this one.
    pub issued_at: i64,
}
