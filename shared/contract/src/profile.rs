use crate::UserId;

/// A user as described by their verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The token's `sub` claim.
    pub id: UserId,
    /// The name from the token's `name` claim; `None` if the token has none that can be shown. Access tokens of Cognito
    /// have none.
    pub name: Option<String>,
    /// The token's `iat` claim: when it was issued, in seconds since 1970. The stored name is kept if it came from a
    /// token that was issued later.
    pub issued_at: i64,
}
