//! Tests of thumbnails and of removing metadata, with valid images and with hostile files.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy allows these in test functions only, but helpers of tests use them too"
)]

mod child;
mod detection;
mod formats;
mod hostile;
mod hostile_metadata;
mod metadata;
mod rendering;
mod samples;
mod size_limits;
mod tiff_metadata;
