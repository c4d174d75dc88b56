//! An independent client of Hearth for the end-to-end tests in `tests/`.
//!
//! The client knows only the contract, `template.yaml`, `docs/access.md` and `stack.json`. It shares no types with the
//! functions, so tests notice when a function deviates from the contract. On an unexpected response it panics and shows
//! the response.
#![allow(clippy::missing_panics_doc, reason = "a client for tests reports by panicking")]

mod api;
mod file;
mod handshake;
mod link;
mod operator;
mod picture;
mod route;
mod shape;
mod signer;
mod socket;
mod stack;
mod tls;
mod token;
mod user;
mod wait;

pub use api::{Reply, api_url, fetch, http};
pub use file::{Upload, put};
pub use handshake::{Handshake, Refused};
pub use link::{Disposition, Served, download, get_link, redirect_target};
pub use operator::Operator;
pub use picture::{Picture, jpeg, png};
pub use route::{Route, routes};
pub use shape::{
    assert_attachment, assert_file, assert_keys, assert_message, assert_message_with, assert_person, assert_preview,
    assert_thread, assert_timestamp, items, seq_of, text,
};
pub use signer::Signer;
pub use socket::{MAX_FRAME_BYTES, Socket};
pub use stack::{Account, Quotas, Stack};
pub use token::{claims, header, with_another_signature, with_another_subject, without_signature};
pub use user::{Page, User, known_user_id, unknown_user_id};
pub use wait::{TIMEOUT, eventually};

/// Returns an origin whose pages may use the stack. Panics if no page may.
#[must_use]
pub fn allowed_origin() -> &'static str {
    Stack::get().allowed_origin.as_deref().unwrap_or_else(|| panic!("the stack's parameter AllowedOrigins is empty"))
}
