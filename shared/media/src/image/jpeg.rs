//! Decodes JPEG with libjpeg-turbo's C code (bundled in mozjpeg), which can decode to a fraction of the full size.

use image::metadata::Orientation;
use mozjpeg::{ColorSpace, Decompress};

use super::jpeg_markers::Markers;
use super::raster::{Layout, Raster};
use super::{OVERSAMPLING, Refusal, check_size, ratio};

/// Largest allowed number of scans in a JPEG. Each scan of a progressive image covers all its pixels, so a file with
/// many scans takes too much time to decode. Encoders write about ten.
const MAX_SCANS: usize = 64;

pub(super) fn decode(bytes: &[u8]) -> Result<Raster, Refusal> {
    let markers = Markers::read(bytes)?;
    check_size(markers.width, markers.height)?;
    // A file without an end marker is damaged, and `scans` returns `None`. libjpeg would accept such a file and make up
    // the missing pixels.
    if markers.scans(MAX_SCANS).ok_or(Refusal::Damaged)? > MAX_SCANS {
        return Err(Refusal::TooComplex);
    }
    let (layout, space) = match markers.components {
        1 => (Layout::Gray, ColorSpace::JCS_GRAYSCALE),
        3 => (Layout::Rgb, ColorSpace::JCS_RGB),
        4 => (Layout::Cmyk, ColorSpace::JCS_CMYK),
        _ => return Err(Refusal::Unsupported),
    };

    let eighths = eighths(ratio(markers.width, markers.height));
    let without_details = if eighths == 1 { markers.without_detail_scans(bytes) } else { None };
    let mut jpeg = Decompress::new_mem(without_details.as_deref().unwrap_or(bytes)).map_err(|_| Refusal::Damaged)?;
    jpeg.scale(eighths);
    // libjpeg's block smoothing would guess the details that `without_detail_scans` removed on purpose.
    jpeg.do_block_smoothing(false);
    let mut jpeg = jpeg.to_colorspace(space).map_err(|_| Refusal::Damaged)?;
    let (width, height) = (jpeg.width(), jpeg.height());
    let mut pixels = jpeg.read_scanlines::<u8>().map_err(|_| Refusal::Damaged)?;
    if layout == Layout::Cmyk && markers.adobe {
        for ink in &mut pixels {
            *ink = !*ink;
        }
    }
    Ok(Raster {
        width: u32::try_from(width).map_err(|_| Refusal::Damaged)?,
        height: u32::try_from(height).map_err(|_| Refusal::Damaged)?,
        full: (markers.width, markers.height),
        layout,
        pixels,
        orientation: markers.exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms),
        icc: markers.icc(),
    })
}

/// Returns the smallest scale, in eighths of the full size, that leaves enough pixels for a good thumbnail. Only powers
/// of two are used, because libjpeg-turbo has SIMD code for them.
fn eighths(ratio: f64) -> u8 {
    [1, 2, 4].into_iter().find(|eighths| ratio * f64::from(*eighths) / 8.0 >= OVERSAMPLING).unwrap_or(8)
}
