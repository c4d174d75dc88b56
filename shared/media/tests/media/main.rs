//! Thumbnails of images that are as they should be, and of files that mean harm.

mod child;
mod faithful;
mod formats;
mod hostile;
mod hostile_sizes;
mod samples;
