//! The documents say what the code does: each fails when the other has moved on.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what goes wrong in here fails the test")]

mod codes;
mod examples;
mod limits;
mod operations;
mod pages;
mod parsers;
mod routes;
mod schemas;
mod template;
