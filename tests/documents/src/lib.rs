//! Reads the API documents, `docs/openapi.yaml` and `docs/asyncapi.yaml`, and checks responses and frames against them.
//!
//! The library depends only on the documents. The tests of this crate check that the documents agree with the code.

mod asyncapi;
mod document;
mod openapi;

pub use asyncapi::AsyncApi;
pub use document::Document;
pub use openapi::{OpenApi, Operation};
