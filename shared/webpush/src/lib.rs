//! Web Push: sends push messages to browsers through the push services of the browsers' vendors (RFC 8030), encrypted
//! (RFC 8291) and with the deployment's identity (RFC 8292).

mod client;
mod encryption;
mod hosts;
mod vapid;

pub use client::{Client, Message, PushClient, Pushed};
pub use encryption::{MAX_MESSAGE, SubscriptionKeys};
pub use hosts::{BadHosts, Endpoint, PushHosts};
pub use vapid::VapidKey;

/// Why a push message could not be encrypted or signed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The push message's content has this many bytes, more than [`MAX_MESSAGE`].
    #[error("the content of the push message has {0} bytes, more than {MAX_MESSAGE}")]
    TooLarge(usize),
    /// The bytes are not a VAPID key.
    #[error("the VAPID key is not a PKCS #8 document of a P-256 key")]
    BadKey,
    /// The push message's topic cannot be the value of a header.
    #[error("the topic of the push message is not a valid header value")]
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
