//! Tests of thumbnails, with valid images and with hostile files.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy allows these in test functions only, but helpers of tests use them too"
)]

mod child;
mod detection;
mod formats;
mod hostile;
mod rendering;
mod samples;
mod size_limits;
