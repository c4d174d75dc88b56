//! Decodes BMP and TIFF with the `image` crate. The crate holds the whole image in memory, which is acceptable because
//! these formats are rare here.

use std::io::Cursor;

use image::codecs::{bmp::BmpDecoder, tiff::TiffDecoder};
use image::error::ImageError;
use image::{ColorType, ImageDecoder, Limits};

use super::raster::{Layout, Raster, Shrinker, flatten_onto_white};
use super::{Refusal, check_size};

/// Largest allowed size of the decoded pixels in bytes: 50 megapixels of 8-bit RGBA, or 33 megapixels of 16-bit RGB.
const MAX_BYTES: u64 = 200_000_000;

pub(super) fn decode_bmp(bytes: &[u8]) -> Result<Raster, Refusal> {
    decode(BmpDecoder::new(Cursor::new(bytes)).map_err(refusal)?)
}

pub(super) fn decode_tiff(bytes: &[u8]) -> Result<Raster, Refusal> {
    decode(TiffDecoder::new(Cursor::new(bytes)).map_err(refusal)?)
}

fn decode(mut decoder: impl ImageDecoder) -> Result<Raster, Refusal> {
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    if decoder.total_bytes() > MAX_BYTES {
        return Err(Refusal::TooComplex);
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(2 * MAX_BYTES);
    decoder.set_limits(limits).map_err(refusal)?;

    let color = decoder.color_type();
    let (layout, convert): (Layout, Convert) = match color {
        ColorType::L8 => (Layout::Gray, |row, to| to.extend_from_slice(row)),
        ColorType::Rgb8 => (Layout::Rgb, |row, to| to.extend_from_slice(row)),
        ColorType::Rgba8 => (Layout::Rgb, flatten_onto_white),
        ColorType::L16 => (Layout::Gray, high_bytes),
        ColorType::Rgb16 => (Layout::Rgb, high_bytes),
        ColorType::Rgba16 => (Layout::Rgb, |row, to| {
            let mut rgba = Vec::new();
            high_bytes(row, &mut rgba);
            flatten_onto_white(&rgba, to);
        }),
        _ => return Err(Refusal::Unsupported),
    };
    let orientation = decoder.orientation().map_err(refusal)?;
    let icc = decoder.icc_profile().ok().flatten();

    let mut pixels = vec![0; usize::try_from(decoder.total_bytes()).map_err(|_| Refusal::TooComplex)?];
    decoder.read_image(&mut pixels).map_err(refusal)?;

    let mut shrinker = Shrinker::new(width, height, layout);
    let mut converted = Vec::new();
    for row in pixels.chunks_exact(width as usize * usize::from(color.bytes_per_pixel())) {
        converted.clear();
        convert(row, &mut converted);
        shrinker.push(&converted);
    }
    Ok(shrinker.finish(orientation, icc))
}

/// Converts a row of decoded pixels to 8-bit samples and appends it to the output.
type Convert = fn(&[u8], &mut Vec<u8>);

/// Appends the high byte of each 16-bit sample. The `image` crate returns samples in the machine's byte order.
fn high_bytes(row: &[u8], to: &mut Vec<u8>) {
    to.extend(row.as_chunks::<2>().0.iter().map(|sample| u16::from_ne_bytes(*sample).to_be_bytes()[0]));
}

#[allow(clippy::needless_pass_by_value, reason = "map_err passes the error by value")]
fn refusal(error: ImageError) -> Refusal {
    match error {
        ImageError::Limits(_) => Refusal::TooComplex,
        ImageError::Unsupported(_) => Refusal::Unsupported,
        _ => Refusal::Damaged,
    }
}
