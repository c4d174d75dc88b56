//! Makes a thumbnail from the bytes of an image.

mod bmp_tiff;
mod finish;
mod gif;
mod jpeg;
pub(crate) mod jpeg_markers;
mod kind;
mod png;
mod raster;
mod refusal;
pub(crate) mod riff;
pub(crate) mod webp;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use self::kind::Kind;
pub use self::refusal::Refusal;

/// Shorter side of a thumbnail in pixels. The limit is for the shorter side, because pages crop pictures to squares and
/// narrow shapes. The thumbnail of a 4:3 picture is 640 pixels wide, twice the width of its tile on the demo page.
const THUMBNAIL_SIDE: u32 = 480;
/// Maximum length of a thumbnail's longer side in pixels. It makes the shorter side of a panorama's thumbnail less than
/// 480 pixels.
const LONGEST_SIDE: u32 = 1024;

/// Decoders may shrink an image, but must leave at least this many pixels per thumbnail pixel, along each side. With
/// fewer, the final resize turns fine patterns into ripples (moiré).
const OVERSAMPLING: f64 = 1.4;

/// Largest allowed number of pixels. Images that declare more are refused.
const MAX_PIXELS: u64 = 50_000_000;
/// Longest allowed side of an image, in pixels. Images that declare a longer side are refused.
pub const MAX_SIDE: u32 = 16_384;

/// A small JPEG of an image.
#[derive(Debug, Clone)]
pub struct Thumbnail {
    /// A baseline JPEG in sRGB, without metadata.
    pub jpeg: Vec<u8>,
    /// Width in pixels, 1 to 1,024.
    pub width: u32,
    /// Height in pixels, 1 to 1,024.
    pub height: u32,
    /// Width and height of the whole image in pixels, 1 to [`MAX_SIDE`], turned upright like the thumbnail.
    pub image_size: (u32, u32),
}

/// Makes the thumbnail of an image: a JPEG whose shorter side has 480 pixels, or less if the longer one would have more
/// than 1,024.
///
/// The image is shrunk but never enlarged, turned upright (by its EXIF orientation) and converted to sRGB. Transparent
/// pixels become white, an animation is reduced to its first frame, and metadata are removed.
///
/// The format is detected from the bytes. The call takes CPU time (seconds for the largest images) and does no I/O.
pub fn thumbnail(bytes: &[u8]) -> Result<Thumbnail, Refusal> {
    let decode = match Kind::of(bytes) {
        Kind::Jpeg => jpeg::decode,
        Kind::Png => png::decode,
        Kind::Gif => gif::decode,
        Kind::Webp => webp::decode,
        Kind::Bmp => bmp_tiff::decode_bmp,
        Kind::Tiff => bmp_tiff::decode_tiff,
        Kind::Avif | Kind::Heic => return Err(Refusal::Unsupported),
        Kind::Other => return Err(Refusal::NotAnImage),
    };
    // mozjpeg reports libjpeg's errors by unwinding. If a decoder panics because of a bug, the file is refused too,
    // because a retry would panic again.
    catch_unwind(AssertUnwindSafe(|| decode(bytes).and_then(finish::finish))).unwrap_or(Err(Refusal::Damaged))
}

/// Refuses an image whose declared size is zero or exceeds the limits. Decoders call this before they allocate memory
/// for the image.
fn check_size(width: u32, height: u32) -> Result<(), Refusal> {
    if width == 0 || height == 0 {
        return Err(Refusal::Damaged);
    }
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Refusal::TooLarge { width, height });
    }
    Ok(())
}

/// Returns how many pixels of the image become one thumbnail pixel, along each side. At least 1.0, because small images
/// are not enlarged.
fn ratio(width: u32, height: u32) -> f64 {
    let shorter = f64::from(width.min(height)) / f64::from(THUMBNAIL_SIDE);
    let longer = f64::from(width.max(height)) / f64::from(LONGEST_SIDE);
    shorter.max(longer).max(1.0)
}
