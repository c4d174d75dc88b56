//! Reads the API documents, `docs/openapi.yaml` and `docs/asyncapi.yaml`, and checks responses and frames against them. Reads
//! `template.yaml` and the access matrix, `docs/access.md`.
//!
//! The library depends only on these files. The tests of this crate check that the documents agree with the code.

pub mod access;
mod asyncapi;
mod document;
mod openapi;
pub mod template;

pub use asyncapi::AsyncApi;
pub use document::Document;
pub use openapi::{OpenApi, Operation};
