use crate::UserId;

/// A user as their verified token tells of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The token's `sub`.
    pub id: UserId,
    /// The token's `name`; an access token has none.
    pub name: Option<String>,
    /// The token's `iat`, in seconds since 1970.
    pub issued_at: i64,
}
