//! Decodes WebP with libwebp, which scales while it decodes.

use std::mem;

use image::metadata::Orientation;
use webpx::{Decoder, DecoderConfig, ImageInfo};

use super::raster::{Layout, Raster, flatten_onto_white};
use super::riff::Chunks;
use super::{OVERSAMPLING, Refusal, check_size, ratio};
use crate::metadata::webp::strip;

/// Bit of the flags in the extended header (`VP8X`): the file has a colour profile.
const ICC_FLAG: u8 = 0x20;
/// Bit of the flags in the extended header: the file has an EXIF chunk.
pub(crate) const EXIF_FLAG: u8 = 0x08;

pub(super) fn decode(bytes: &[u8]) -> Result<Raster, Refusal> {
    // libwebp reads beyond the pixels of a damaged file. It must not find bytes there that are not published.
    let bytes = &strip(bytes).ok_or(Refusal::Damaged)?;
    let canvas = info(bytes)?;
    let size = Size { width: canvas.width, height: canvas.height };
    let mut raster = if canvas.has_animation {
        let frame = FirstFrame::read(bytes).ok_or(Refusal::Damaged)?;
        frame.on_canvas(size)?
    } else {
        let (pixels, scaled) = decode_scaled(bytes, size)?;
        scaled.raster(size, pixels)
    };
    raster.orientation = exif(bytes).and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    raster.icc = declared_chunk(bytes, *b"ICCP", ICC_FLAG).map(<[u8]>::to_vec);
    Ok(raster)
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Size {
    width: u32,
    height: u32,
}

impl Size {
    /// Returns the size to which a frame of this size is decoded. The frame is scaled by the same factor as the whole
    /// `canvas`, which stays just large enough for a good thumbnail.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sides are at most 16384")]
    fn scaled(self, canvas: Self) -> Self {
        let by = (ratio(canvas.width, canvas.height) / OVERSAMPLING).max(1.0);
        let side = |side: u32| ((f64::from(side) / by).round() as u32).max(1);
        Self { width: side(self.width), height: side(self.height) }
    }

    fn raster(self, full: Self, pixels: Vec<u8>) -> Raster {
        let (width, height, full) = (self.width, self.height, (full.width, full.height));
        Raster { width, height, full, layout: Layout::Rgb, pixels, orientation: Orientation::NoTransforms, icc: None }
    }
}

fn info(bytes: &[u8]) -> Result<ImageInfo, Refusal> {
    let info = ImageInfo::from_webp(bytes).map_err(|_| Refusal::Damaged)?;
    check_size(info.width, info.height)?;
    Ok(info)
}

/// Decodes a still image and scales it down by the same factor as its canvas.
fn decode_scaled(bytes: &[u8], canvas: Size) -> Result<(Vec<u8>, Size), Refusal> {
    let info = info(bytes)?;
    let size = Size { width: info.width, height: info.height };
    let scaled = size.scaled(canvas);
    let mut webp = Decoder::new(bytes).map_err(|_| Refusal::Damaged)?;
    if scaled != size {
        // libwebp's deblocking filter smooths the edges of blocks of 4 × 4 pixels. It is skipped if a block becomes one
        // pixel or less, because it has no effect then.
        let smooth = size.width / scaled.width < 4;
        webp = webp.config(DecoderConfig::new().bypass_filtering(!smooth)).scale(scaled.width, scaled.height);
    }
    let decoded = if info.has_alpha { webp.decode_rgba_raw() } else { webp.decode_rgb_raw() };
    let (mut pixels, width, height) = decoded.map_err(|_| Refusal::Damaged)?;
    if info.has_alpha {
        let rgba = mem::take(&mut pixels);
        flatten_onto_white(&rgba, &mut pixels);
    }
    Ok((pixels, Size { width, height }))
}

/// The first frame of an animation, as a still WebP file. libwebp's animation decoder is not used, because it needs
/// memory for two canvases of the full size.
struct FirstFrame {
    /// Left edge of the frame on the canvas, in pixels.
    left: u32,
    /// Top edge of the frame on the canvas, in pixels.
    top: u32,
    file: Vec<u8>,
}

impl FirstFrame {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (header, chunks) = chunk(bytes, *b"ANMF")?.split_at_checked(16)?;
        let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], 0]);

        let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
        if chunks.starts_with(b"ALPH") {
            // A file with an alpha channel needs an extended header. It has the alpha flag, and the size from the
            // frame's header.
            file.extend_from_slice(b"VP8X\x0a\0\0\0\x10\0\0\0");
            file.extend_from_slice(&header[6..12]);
        }
        file.extend_from_slice(chunks);
        let length = u32::try_from(file.len() - 8).ok()?;
        file[4..8].copy_from_slice(&length.to_le_bytes());
        Some(Self { left: number(0) * 2, top: number(3) * 2, file })
    }

    fn on_canvas(&self, canvas: Size) -> Result<Raster, Refusal> {
        let (pixels, size) = decode_scaled(&self.file, canvas)?;
        let scaled = canvas.scaled(canvas);
        if size == scaled {
            return Ok(size.raster(canvas, pixels));
        }
        let corner = Size { width: self.left.max(1), height: self.top.max(1) }.scaled(canvas);
        let (left, top) =
            (if self.left == 0 { 0 } else { corner.width }, if self.top == 0 { 0 } else { corner.height });
        // The canvas around the frame is transparent, which is shown as white. Parts of the frame outside the canvas
        // are cut off.
        let mut whole = vec![[255; 3]; scaled.width as usize * scaled.height as usize];
        let rows = whole.chunks_exact_mut(scaled.width as usize).skip(top as usize);
        for (to, from) in rows.zip(pixels.as_chunks::<3>().0.chunks_exact(size.width as usize)) {
            to.iter_mut().skip(left as usize).zip(from).for_each(|(to, from)| *to = *from);
        }
        Ok(scaled.raster(canvas, whole.into_flattened()))
    }
}

/// Returns the EXIF block, without the prefix `Exif` that some encoders write.
pub(crate) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    let block = declared_chunk(bytes, *b"EXIF", EXIF_FLAG)?;
    Some(block.strip_prefix(b"Exif\0\0").unwrap_or(block))
}

/// Returns the data of the first chunk with the given name. Like libwebp, ignores the chunk unless the extended header
/// declares it with `flag`.
fn declared_chunk(bytes: &[u8], name: [u8; 4], flag: u8) -> Option<&[u8]> {
    let header = Chunks::of_file(bytes)?.next().filter(|header| header.name == *b"VP8X")?;
    (header.data.first()? & flag != 0).then(|| chunk(bytes, name))?
}

/// Returns the data of the first chunk with the given name.
fn chunk(bytes: &[u8], name: [u8; 4]) -> Option<&[u8]> {
    Chunks::of_file(bytes)?.find(|chunk| chunk.name == name).map(|chunk| chunk.data)
}
