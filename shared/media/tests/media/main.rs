//! Thumbnails of images that are as they should be, and of files that mean harm.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "in tests, also outside the functions that are marked as such"
)]

mod child;
mod faithful;
mod formats;
mod hostile;
mod hostile_sizes;
mod samples;
mod told;
