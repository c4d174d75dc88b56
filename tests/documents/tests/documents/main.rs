//! The API documents, the files generated from the code, and the lists of routes and functions agree with each other.
//! Each failure names the missing entry and the file to edit.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failure in this crate fails the test")]

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
mod routes;
mod template;
