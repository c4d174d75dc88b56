//! From the bytes of an image to its thumbnail.

mod finish;
mod gif;
mod jpeg;
mod jpeg_markers;
mod kind;
mod png;
mod raster;
mod refusal;
mod uncommon;
mod webp;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use self::kind::Kind;
pub use self::refusal::Refusal;

/// No side of a thumbnail is longer, in pixels.
const THUMBNAIL_SIDE: u32 = 512;

/// What a decoder may shrink to: the last step wants at least this many pixels for one of the thumbnail's, per
/// side, or fine patterns turn into ripples.
const OVERSAMPLING: f64 = 1.4;

/// Larger images are refused by the size they declare.
const MAX_PIXELS: u64 = 50_000_000;
const MAX_SIDE: u32 = 16_384;

/// A small JPEG of an image.
#[derive(Debug, Clone)]
pub struct Thumbnail {
    /// A baseline JPEG in sRGB, without metadata.
    pub jpeg: Vec<u8>,
    /// In pixels, at most 512.
    pub width: u32,
    /// In pixels, at most 512.
    pub height: u32,
}

/// Makes the thumbnail of an image: fits within 512 × 512 pixels and never enlarged, upright (EXIF orientation
/// applied), colours converted to sRGB, transparency on white, the first frame of an animation, no metadata.
///
/// The bytes alone decide what is decoded, never a claimed type. Takes CPU time (up to seconds for the largest
/// images) and does not wait for anything.
pub fn thumbnail(bytes: &[u8]) -> Result<Thumbnail, Refusal> {
    let decode = match Kind::of(bytes) {
        Kind::Jpeg => jpeg::decode,
        Kind::Png => png::decode,
        Kind::Gif => gif::decode,
        Kind::Webp => webp::decode,
        Kind::Bmp => uncommon::decode_bmp,
        Kind::Tiff => uncommon::decode_tiff,
        Kind::Avif | Kind::Heic => return Err(Refusal::Unsupported),
        Kind::Other => return Err(Refusal::NotAnImage),
    };
    // libjpeg reports its errors by unwinding. And should any decoder have a bug, the file is refused rather than
    // left pending for ever: retrying would not help.
    catch_unwind(AssertUnwindSafe(|| decode(bytes).and_then(finish::finish))).unwrap_or(Err(Refusal::Damaged))
}

/// Refuses a declared size, before anything is allocated for it.
fn check_size(width: u32, height: u32) -> Result<(), Refusal> {
    if width == 0 || height == 0 {
        return Err(Refusal::Damaged);
    }
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Refusal::TooLarge { width, height });
    }
    Ok(())
}

/// How many pixels of the image become one of the thumbnail, per side; 1.0 for an image that is small already.
fn ratio(width: u32, height: u32) -> f64 {
    (f64::from(width.max(height)) / f64::from(THUMBNAIL_SIDE)).max(1.0)
}
