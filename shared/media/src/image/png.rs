use std::io::Cursor;

use image::metadata::Orientation;
use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Reader, Transformations};

use super::raster::{Layout, Raster, Shrinker, blend_onto_white, flatten_onto_white};
use super::{Refusal, check_size};

/// Maximum number of bytes of decompressed metadata chunks (colour profile, EXIF, palette) that the decoder may hold.
const MAX_CHUNK_BYTES: usize = 16 << 20;

pub(super) fn decode(bytes: &[u8]) -> Result<Raster, Refusal> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: MAX_CHUNK_BYTES });
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let header = decoder.read_header_info().map_err(refusal)?;
    let (width, height, interlaced) = (header.width, header.height, header.interlaced);
    check_size(width, height)?;

    let mut reader = decoder.read_info().map_err(refusal)?;
    let (color, depth) = reader.output_color_type();
    if depth != BitDepth::Eight {
        return Err(Refusal::Unsupported);
    }
    let layout = match color {
        ColorType::Grayscale | ColorType::GrayscaleAlpha => Layout::Gray,
        ColorType::Rgb | ColorType::Rgba => Layout::Rgb,
        ColorType::Indexed => return Err(Refusal::Unsupported),
    };
    let mut shrinker = Shrinker::new(width, height, layout);
    let mut opaque = Vec::new();
    let mut push = |row: &[u8]| {
        opaque.clear();
        match color {
            ColorType::GrayscaleAlpha => {
                opaque.extend(row.as_chunks::<2>().0.iter().map(|[gray, alpha]| blend_onto_white(*gray, *alpha)));
            }
            ColorType::Rgba => flatten_onto_white(row, &mut opaque),
            _ => return shrinker.push(row),
        }
        shrinker.push(&opaque);
    };
    if interlaced {
        // An interlaced image is stored in seven passes, and each pass has pixels from the whole image. So the whole
        // image must be in memory: up to 200 MB.
        let pixels = read_whole(&mut reader)?;
        pixels.chunks_exact(pixels.len() / height as usize).for_each(push);
    } else {
        while let Some(row) = reader.next_row().map_err(refusal)? {
            push(row.data());
        }
    }
    let info = reader.info();
    let exif = info.exif_metadata.as_deref().and_then(Orientation::from_exif_chunk);
    let icc = info.icc_profile.as_deref().map(<[u8]>::to_vec);
    Ok(shrinker.finish(exif.unwrap_or(Orientation::NoTransforms), icc))
}

fn read_whole(reader: &mut Reader<Cursor<&[u8]>>) -> Result<Vec<u8>, Refusal> {
    let mut pixels = vec![0; reader.output_buffer_size().ok_or(Refusal::TooComplex)?];
    reader.next_frame(&mut pixels).map_err(refusal)?;
    Ok(pixels)
}

#[allow(clippy::needless_pass_by_value, reason = "map_err passes the error by value")]
fn refusal(error: DecodingError) -> Refusal {
    match error {
        DecodingError::LimitsExceeded => Refusal::TooComplex,
        _ => Refusal::Damaged,
    }
}
