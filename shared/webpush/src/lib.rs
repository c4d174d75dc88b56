//! Web Push: sends messages to browsers through the push services of their vendors (RFC 8030), encrypted (RFC 8291) and with
//! the deployment's identity (RFC 8292).

mod client;
mod encryption;
mod hosts;
mod vapid;

pub use client::{Client, Message, PushClient, Pushed};
pub use encryption::{MAX_MESSAGE, SubscriptionKeys};
pub use hosts::{BadHosts, Endpoint, PushHosts};
pub use vapid::VapidKey;

/// Why a message could not be encrypted or signed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The message has this many bytes, more than [`MAX_MESSAGE`].
    #[error("the message has {0} bytes, more than {MAX_MESSAGE}")]
    TooLarge(usize),
    /// The document is not a VAPID key.
    #[error("the VAPID key is not a PKCS #8 document of a P-256 key")]
    BadKey,
    /// The topic cannot be the value of a header.
    #[error("the topic is not valid")]
    BadTopic,
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Cryptography,
}

impl From<ring::error::Unspecified> for Error {
    fn from(_: ring::error::Unspecified) -> Self {
        Self::Cryptography
    }
}
