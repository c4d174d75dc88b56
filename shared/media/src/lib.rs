//! What a file is, judged by its bytes, and the thumbnail of an image.
//!
//! Everything here is made for input that means harm: sizes are checked before anything is decoded, and no
//! input of up to 25 MiB takes more than 512 MiB of memory or 5 s of one CPU.

mod image;

pub use self::image::{Kind, Refusal, Thumbnail, thumbnail};
