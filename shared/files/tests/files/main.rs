//! Files against an S3 on a folder and a fake of SQS.

#![allow(clippy::unwrap_used, reason = "what goes wrong in here fails the test")]

mod faults;
mod presigned;
mod published;
mod reminders;
mod uploads;
