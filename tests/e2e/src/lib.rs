//! An independent client of Hearth, for the end-to-end tests in `tests/`.
//!
//! It knows the contract and `stack.json`, and nothing else: it shares no type with the functions, so
//! that a drift of theirs from the contract shows. Whatever it did not expect, it panics about, with
//! the answer it got.
#![allow(clippy::missing_panics_doc, reason = "a client for tests reports by panicking")]

mod api;
mod file;
mod link;
mod operator;
mod patience;
mod picture;
mod shape;
mod socket;
mod stack;
mod token;
mod user;

pub use api::{Reply, api_url, fetch, http};
pub use file::{Upload, put};
pub use link::{Disposition, Served, follow, open, view};
pub use operator::Operator;
pub use patience::{PATIENCE, eventually};
pub use picture::{Picture, jpeg, png};
pub use shape::{
    assert_attachment, assert_file, assert_keys, assert_message, assert_message_with, assert_thread, assert_timestamp,
    items, seq_of, text,
};
pub use socket::{Handshake, MAX_FRAME_BYTES, Refused, Socket};
pub use stack::{Account, Stack};
pub use token::{with_another_signature, with_another_subject, without_signature};
pub use user::{Page, User, fresh_member};

/// The browser origin that the local cloud allows.
pub const ALLOWED_ORIGIN: &str = "http://localhost:5173";
