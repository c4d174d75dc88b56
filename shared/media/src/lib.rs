//! Detects what a file is by its bytes, makes thumbnails of images, and removes private metadata from images.
//!
//! Input may be hostile. Declared sizes are checked before anything is decoded. For a file of up to 25 MiB, making the
//! thumbnail takes at most 512 MiB of memory and 5 s of CPU time, and so does removing the metadata.
//!
//! JPEG, PNG, GIF, WebP, BMP and TIFF are supported. AVIF and HEIC are recognised and refused, for lack of a suitable
//! decoder:
//! - AVIF: libaom needs more than 900 MiB for a photo, rav1d has no safe interface, and dav1d must be installed
//!   separately.
//! - HEIC: one decoder is licensed under the AGPL. The other, heic-rs, is young (its fuzzing still found panics in
//!   October 2026) and takes about 1 s for 12 megapixels, which would be 4 s at the limit of 50 megapixels.

mod image;
mod inspect;
mod metadata;

pub use self::image::{Kind, MAX_SIDE, Refusal, Thumbnail, thumbnail};
pub use self::inspect::{Inspected, inspect};
pub use self::metadata::strip_metadata;
