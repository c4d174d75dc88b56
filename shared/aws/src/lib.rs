//! Helpers for all crates that call AWS: error classification, error texts for logs, and SHA-256.
//!
//! This crate does not depend on the SDK of any service. So a function that uses it links only the clients of the
//! services that the function calls.

mod error;
mod hash;

pub use error::{Error, describe, describe_causes, is_retryable};
pub use hash::sha256;
