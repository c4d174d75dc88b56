use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use uuid::Uuid;

use crate::limits;

/// Defines the type of an ID that the server creates, in the form `prefix_…`.
macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[cfg_attr(
            feature = "schema",
            derive(schemars::JsonSchema),
            schemars(extend("pattern" = concat!("^", $prefix, "[A-Za-z0-9_-]{1,64}$")))
        )]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Creates a new ID: the prefix and a `UUIDv7` (RFC 9562) without hyphens.
            #[must_use]
            #[allow(clippy::new_without_default, reason = "a default value should be the same each time")]
            pub fn new() -> Self {
                Self(format!("{}{}", $prefix, Uuid::now_v7().simple()))
            }

            /// Parses an ID: the prefix, then 1 to 64 ASCII letters, digits, `_` or `-`. Returns `None` for other text.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let rest = text.strip_prefix($prefix)?;
                let fits = (1..=64).contains(&rest.len())
                    && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
                fits.then(|| Self(text.to_owned()))
            }

            /// Returns the ID as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| D::Error::custom(concat!("the text is not a ", stringify!($name))))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

prefixed_id!(
    /// ID of a thread: `thread_…`.
    ThreadId,
    "thread_"
);
prefixed_id!(
    /// ID of a message: `msg_…`.
    MessageId,
    "msg_"
);
prefixed_id!(
    /// ID of a change to a message: `change_…`. Clients do not see it.
    ChangeId,
    "change_"
);
prefixed_id!(
    /// ID of a push subscription: `push_…`. It contains a hash of the subscription's endpoint.
    PushId,
    "push_"
);
prefixed_id!(
    /// ID of a file: `file_…`.
    FileId,
    "file_"
);

impl PushId {
    /// Creates the ID of a subscription from the hash of its endpoint, 64 hexadecimal digits.
    #[must_use]
    pub fn of_hash(hash: &str) -> Self {
        Self(format!("push_{hash}"))
    }
}

/// ID of a user: the `sub` claim of a verified token, unchanged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(
        description = "ID of a user: the `sub` claim of a verified token, unchanged. At most \
            [`limits::USER_ID_BYTES`] bytes in UTF-8.",
        extend(
            "minLength" = 1,
            "maxLength" = limits::USER_ID_BYTES,
            "pattern" = r"^[^\u0000-\u001f\u007f-\u009f]+$"
        )
    )
)]
#[serde(transparent)]
pub struct UserId(String);

impl UserId {
    /// Parses a user ID. Returns `None` if `text` is empty, longer than [`limits::USER_ID_BYTES`] or contains control
    /// characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=limits::USER_ID_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }

    /// Returns the ID as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("the text is not a UserId"))
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// ID of a connection: API Gateway's connection ID, unchanged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(String);

impl ConnectionId {
    /// Wraps a connection ID from API Gateway.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// Returns the ID as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ids_parse_and_differ() {
        let (one, other) = (ThreadId::new(), ThreadId::new());
        assert_ne!(one, other);
        assert_eq!(ThreadId::parse(one.as_str()), Some(one));
    }

    #[test]
    fn text_with_another_prefix_or_shape_is_refused() {
        let long = format!("thread_{}", "a".repeat(65));
        for text in ["", "thread_", "msg_1", "Thread_1", "thread_a#b", "thread_ä", "thread_a b", long.as_str()] {
            assert_eq!(ThreadId::parse(text), None, "{text}");
        }
        assert!(serde_json::from_str::<ThreadId>("\"msg_1\"").is_err());
    }

    #[test]
    fn user_ids_stay_unchanged_and_have_limits() {
        let longest = "a".repeat(255);
        for text in ["1", "auth0|5f7c", "a#b", "ümläut", longest.as_str()] {
            assert_eq!(UserId::parse(text).unwrap().as_str(), text);
        }
        let too_long = "a".repeat(256);
        for text in ["", "a\nb", "\u{0}", too_long.as_str()] {
            assert_eq!(UserId::parse(text), None);
        }
    }
}
