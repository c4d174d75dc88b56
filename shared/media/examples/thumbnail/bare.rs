//! The decoders alone, over the whole file, at the scale that the library has them decode to.

use std::hint::black_box;
use std::io::Cursor;

use image::ImageDecoder as _;
use image::codecs::tiff::TiffDecoder;
use media::Kind;
use mozjpeg::Decompress;
use webpx::DecoderConfig;

use crate::Outcome;

/// The longer side that the library leaves for the last step: 1.4 pixels for each of the thumbnail's 512.
const LEAST_SIDE: u16 = 717;

/// How many bytes of pixels there were.
pub(crate) fn decode(bytes: &[u8]) -> Outcome<usize> {
    match Kind::of(bytes) {
        Kind::Jpeg => jpeg(bytes),
        Kind::Png => png(bytes),
        Kind::Gif => gif(bytes),
        Kind::Webp => webp(bytes),
        Kind::Tiff => tiff(bytes),
        _ => Err("of this format, the decoder is not measured alone".into()),
    }
}

fn jpeg(bytes: &[u8]) -> Outcome<usize> {
    let mut jpeg = Decompress::new_mem(bytes)?;
    let side = jpeg.width().max(jpeg.height());
    jpeg.scale(
        [1, 2, 4].into_iter().find(|eighths| side * usize::from(*eighths) / 8 >= LEAST_SIDE.into()).unwrap_or(8),
    );
    let pixels: Vec<u8> = jpeg.rgb()?.read_scanlines()?;
    Ok(black_box(pixels).len())
}

fn png(bytes: &[u8]) -> Outcome<usize> {
    let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info()?;
    let mut length = 0;
    while let Some(row) = reader.next_row()? {
        length += black_box(row.data()).len();
    }
    Ok(length)
}

fn gif(bytes: &[u8]) -> Outcome<usize> {
    let mut decoder = gif::DecodeOptions::new().read_info(bytes)?;
    let frame = decoder.read_next_frame()?.ok_or("no frame")?;
    Ok(black_box(frame).buffer.len())
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sides of images")]
fn webp(bytes: &[u8]) -> Outcome<usize> {
    let webp = webpx::Decoder::new(bytes)?;
    let (width, height) = (webp.info().width, webp.info().height);
    let by = (f64::from(width.max(height)) / f64::from(LEAST_SIDE)).max(1.0);
    let scaled = |side| (f64::from(side) / by).round() as u32;
    let config = DecoderConfig::new().bypass_filtering(by >= 4.0);
    let (pixels, ..) = webp.config(config).scale(scaled(width), scaled(height)).decode_rgb_raw()?;
    Ok(black_box(pixels).len())
}

fn tiff(bytes: &[u8]) -> Outcome<usize> {
    let decoder = TiffDecoder::new(Cursor::new(bytes))?;
    let mut pixels = vec![0; usize::try_from(decoder.total_bytes())?];
    decoder.read_image(&mut pixels)?;
    Ok(black_box(pixels).len())
}
