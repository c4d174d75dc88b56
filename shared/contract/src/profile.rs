use crate::UserId;

/// A user as described by their verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The token's `sub` claim.
    pub id: UserId,
    /// The token's `name` claim. Access tokens have no such claim.
    pub name: Option<String>,
    /// The token's `iat` claim: when it was issued, in seconds since 1970.
    pub issued_at: i64,
}
