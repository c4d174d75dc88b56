//! Tests that the API documents, the code, template.yaml and the generated files agree with each other. Each failure
//! names the missing entry and the file to edit.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failure in this crate fails the test")]

mod access;
mod codes;
mod difference;
mod events;
mod examples;
mod functions;
mod generated;
mod limits;
mod operations;
mod pages;
mod parsers;
mod permissions;
mod routes;
mod stages;
mod user_pool;

use documents::template;
