use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, MemoryLimit};
use image::metadata::Orientation;

use super::raster::{Layout, Raster, Shrinker};
use super::{MAX_PIXELS, Refusal, check_size};

/// Colour of transparent pixels and of the canvas around the frame.
const WHITE: [u8; 3] = [255; 3];

/// Decodes the first frame of a GIF and places it on a white canvas of the declared size.
pub(super) fn decode(bytes: &[u8]) -> Result<Raster, Refusal> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.set_memory_limit(MemoryLimit::Bytes(NonZeroU64::new(MAX_PIXELS).ok_or(Refusal::Damaged)?));
    let mut decoder = options.read_info(bytes).map_err(|_| Refusal::Damaged)?;
    let (width, height) = (decoder.width(), decoder.height());
    check_size(width.into(), height.into())?;

    let frame = decoder.next_frame_info().map_err(|_| Refusal::Damaged)?.ok_or(Refusal::Damaged)?;
    check_size(frame.width.into(), frame.height.into())?;
    let (left, top, frame_width) = (usize::from(frame.left), usize::from(frame.top), usize::from(frame.width));
    let transparent = frame.transparent;
    let mut indices = vec![0; decoder.buffer_size()];
    decoder.read_into_buffer(&mut indices).map_err(|_| Refusal::Damaged)?;

    let palette = decoder.palette().map_err(|_| Refusal::Damaged)?;
    let mut colors = [WHITE; 256];
    for (color, [r, g, b]) in colors.iter_mut().zip(palette.as_chunks::<3>().0) {
        *color = [*r, *g, *b];
    }
    if let Some(index) = transparent {
        colors[usize::from(index)] = WHITE;
    }

    let mut shrinker = Shrinker::new(width.into(), height.into(), Layout::Rgb);
    let mut rows = indices.chunks_exact(frame_width);
    let mut row = vec![WHITE; usize::from(width)];
    for y in 0..usize::from(height) {
        row.fill(WHITE);
        // Parts of the frame that lie outside the canvas are cut off.
        if y >= top
            && left < row.len()
            && let Some(indices) = rows.next()
        {
            row[left..].iter_mut().zip(indices).for_each(|(pixel, index)| *pixel = colors[usize::from(*index)]);
        }
        shrinker.push(row.as_flattened());
    }
    Ok(shrinker.finish(Orientation::NoTransforms, None))
}
