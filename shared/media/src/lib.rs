//! What a file is, judged by its bytes, and the thumbnail of an image.
//!
//! Everything here is made for input that means harm: sizes are checked before anything is decoded, and no
//! input of up to 25 MiB takes more than 512 MiB of memory or 5 s of one CPU.
//!
//! Shown are JPEG, PNG, GIF, WebP, BMP and TIFF. AVIF and HEIC are recognised and refused: of AVIF's decoders libaom
//! needs over 900 MiB for a photo, rav1d has no safe interface, and dav1d has to be installed beside; of HEIC's one
//! is under the AGPL, and the other, heic-rs, is young (its fuzzing still found panics in October 2026) and takes
//! about a second for 12 megapixels, which would be 4 s at the limit of 50.

mod image;
mod inspect;

pub use self::image::{Kind, Refusal, Thumbnail, thumbnail};
pub use self::inspect::{Inspected, inspect};
