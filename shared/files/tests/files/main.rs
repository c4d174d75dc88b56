//! Tests of the crate `files` with an S3 server on a local directory and a fake of SQS.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod faults;
mod presigned;
mod published;
mod reminders;
mod uploads;
