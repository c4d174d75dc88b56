//! Decodes an image without making a thumbnail, to measure the least that a thumbnail could cost. Decodes the whole
//! file. JPEG and WebP are decoded to a smaller size, as in the library.

use std::hint::black_box;
use std::io::Cursor;

use image::ImageDecoder as _;
use image::codecs::tiff::TiffDecoder;
use media::Kind;
use mozjpeg::Decompress;
use webpx::DecoderConfig;

use crate::Result;

/// The decoders leave at least this many pixels on the shorter side for the final resize: 1.4 × 480, as in the library.
const MIN_SIDE: u16 = 672;

/// Decodes a file and returns the size of its pixels in bytes.
pub(crate) fn decode(bytes: &[u8]) -> Result<usize> {
    match Kind::of(bytes) {
        Kind::Jpeg => jpeg(bytes),
        Kind::Png => png(bytes),
        Kind::Gif => gif(bytes),
        Kind::Webp => webp(bytes),
        Kind::Tiff => tiff(bytes),
        _ => Err("--bare supports only JPEG, PNG, GIF, WebP and TIFF files".into()),
    }
}

fn jpeg(bytes: &[u8]) -> Result<usize> {
    let mut jpeg = Decompress::new_mem(bytes)?;
    let side = jpeg.width().min(jpeg.height());
    jpeg.scale([1, 2, 4].into_iter().find(|eighths| side * usize::from(*eighths) / 8 >= MIN_SIDE.into()).unwrap_or(8));
    let pixels: Vec<u8> = jpeg.rgb()?.read_scanlines()?;
    Ok(black_box(pixels).len())
}

fn png(bytes: &[u8]) -> Result<usize> {
    let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info()?;
    let mut length = 0;
    while let Some(row) = reader.next_row()? {
        length += black_box(row.data()).len();
    }
    Ok(length)
}

fn gif(bytes: &[u8]) -> Result<usize> {
    let mut decoder = gif::DecodeOptions::new().read_info(bytes)?;
    let frame = decoder.read_next_frame()?.ok_or("the GIF has no frames")?;
    Ok(black_box(frame).buffer.len())
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sides of WebP images are at most 16384")]
fn webp(bytes: &[u8]) -> Result<usize> {
    let webp = webpx::Decoder::new(bytes)?;
    let (width, height) = (webp.info().width, webp.info().height);
    let by = (f64::from(width.min(height)) / f64::from(MIN_SIDE)).max(1.0);
    let scaled = |side| (f64::from(side) / by).round() as u32;
    let config = DecoderConfig::new().bypass_filtering(by >= 4.0);
    let (pixels, ..) = webp.config(config).scale(scaled(width), scaled(height)).decode_rgb_raw()?;
    Ok(black_box(pixels).len())
}

fn tiff(bytes: &[u8]) -> Result<usize> {
    let decoder = TiffDecoder::new(Cursor::new(bytes))?;
    let mut pixels = vec![0; usize::try_from(decoder.total_bytes())?];
    decoder.read_image(&mut pixels)?;
    Ok(black_box(pixels).len())
}
