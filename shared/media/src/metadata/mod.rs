//! Removes private metadata from images without decoding them.
//!
//! Each format has a list of the parts that determine how an image looks. Everything else is removed, so metadata that
//! nobody has thought of is removed too.

mod bmp;
mod exif;
mod gif;
mod jpeg;
mod png;
mod ranges;
mod tiff;
pub(crate) mod webp;

use std::borrow::Cow;

use crate::image::{Kind, Refusal};

/// Returns an image without private metadata: location, device, owner, dates, texts, previews, further images and
/// videos in the same file, and data after its end.
///
/// The pixels, the frames of an animation, the orientation and the colour profile are bit-identical to those of the
/// input. An image without private metadata is returned unchanged (`Cow::Borrowed`). The result is never longer than
/// the input by more than one byte, the end marker that some GIFs lack.
///
/// Works on JPEG, PNG, GIF, WebP, BMP and TIFF. Fails with [`Refusal::HiddenData`] if the file's structure is damaged
/// or has parts that can neither be kept nor removed safely. Pixels are not decoded, so an image that [`inspect`] would
/// refuse may pass. Takes at most twice the file's size of additional memory, and for a TIFF 24 bytes more for each of
/// the blocks in which it stores its pixels.
///
/// [`inspect`]: crate::inspect()
pub fn strip_metadata(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Refusal> {
    let strip = match Kind::of(bytes) {
        Kind::Jpeg => jpeg::strip,
        Kind::Png => png::strip,
        Kind::Gif => gif::strip,
        Kind::Webp => webp::strip,
        Kind::Bmp => bmp::strip,
        Kind::Tiff => tiff::strip,
        Kind::Avif | Kind::Heic => return Err(Refusal::Unsupported),
        Kind::Other => return Err(Refusal::NotAnImage),
    };
    let stripped = strip(bytes).ok_or(Refusal::HiddenData)?;
    Ok(if stripped == bytes { Cow::Borrowed(bytes) } else { Cow::Owned(stripped) })
}
