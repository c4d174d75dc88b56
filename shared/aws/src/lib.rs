//! Shared by all crates that call AWS: error classification, error texts for logs, and SHA-256.
//!
//! This crate does not depend on the SDK of any service. Functions that use it therefore link only the clients they
//! call.

mod error;
mod hash;

pub use error::{Error, describe, describe_causes, is_retryable};
pub use hash::sha256;
