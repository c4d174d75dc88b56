//! The API documents, `docs/openapi.yaml` and `docs/asyncapi.yaml`, as something to check answers and frames against.
//!
//! It knows the documents and nothing of the code. That the two agree is what the tests of this crate are about.

mod asyncapi;
mod document;
mod openapi;

pub use asyncapi::AsyncApi;
pub use document::Document;
pub use openapi::{OpenApi, Operation};
