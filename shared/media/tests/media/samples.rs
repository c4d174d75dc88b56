//! Sample images in every format, and checks of decoded thumbnails.

use std::io::Cursor;

use media::{Kind, Thumbnail};
use mozjpeg::{ColorSpace, Compress, Decompress};

pub(crate) type Pixel = [u8; 3];

pub(crate) const RED: Pixel = [220, 30, 30];
pub(crate) const GREEN: Pixel = [30, 200, 40];
pub(crate) const BLUE: Pixel = [30, 40, 220];
pub(crate) const YELLOW: Pixel = [230, 220, 30];
pub(crate) const WHITE: Pixel = [255; 3];

/// A private text in the metadata of samples. It must not appear in a thumbnail or in an image whose metadata were
/// removed.
pub(crate) const SECRET: &[u8] = b"at home, second floor";

/// Returns RGB pixels: red in the upper left quarter, green in the upper right, blue in the lower left, yellow in the
/// lower right.
pub(crate) fn quarters(width: u32, height: u32) -> Vec<u8> {
    let color = |x, y| match (x < width / 2, y < height / 2) {
        (true, true) => RED,
        (false, true) => GREEN,
        (true, false) => BLUE,
        (false, false) => YELLOW,
    };
    (0..height).flat_map(|y| (0..width).flat_map(move |x| color(x, y))).collect()
}

/// Returns the pixels of [`quarters`] as RGBA, all with the given alpha.
pub(crate) fn quarters_rgba(width: u32, height: u32, alpha: u8) -> Vec<u8> {
    quarters(width, height).chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], alpha]).collect()
}

pub(crate) fn jpeg_of(
    space: ColorSpace,
    width: u32,
    height: u32,
    pixels: &[u8],
    change: impl FnOnce(&mut Compress),
) -> Vec<u8> {
    let mut jpeg = Compress::new(space);
    jpeg.set_fastest_defaults();
    jpeg.set_quality(92.0);
    jpeg.set_size(width as usize, height as usize);
    change(&mut jpeg);
    let mut jpeg = jpeg.start_compress(Vec::new()).unwrap();
    jpeg.write_scanlines(pixels).unwrap();
    jpeg.finish().unwrap()
}

pub(crate) fn jpeg(width: u32, height: u32) -> Vec<u8> {
    jpeg_of(ColorSpace::JCS_RGB, width, height, &quarters(width, height), |_| {})
}

pub(crate) fn progressive_jpeg(width: u32, height: u32) -> Vec<u8> {
    jpeg_of(ColorSpace::JCS_RGB, width, height, &quarters(width, height), Compress::set_progressive_mode)
}

/// Returns a copy of a JPEG with a segment inserted after its first marker. A body of more than 65,533 bytes is truncated.
pub(crate) fn with_segment(jpeg: &[u8], marker: u8, body: &[u8]) -> Vec<u8> {
    let body = &body[..body.len().min(65_533)];
    let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, marker], &length, body, &jpeg[2..]].concat()
}

pub(crate) fn png_of(color: png::ColorType, depth: png::BitDepth, width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    png_of(png::ColorType::Rgb, png::BitDepth::Eight, width, height, &quarters(width, height))
}

/// Returns a copy of a PNG with a chunk inserted after its header.
pub(crate) fn with_chunk(png: &[u8], name: [u8; 4], data: &[u8]) -> Vec<u8> {
    const HEADER_END: usize = 33;
    let mut chunk = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
    chunk.extend(name);
    chunk.extend(data);
    chunk.extend(crc32(&chunk[4..]).to_be_bytes());
    [&png[..HEADER_END], &chunk, &png[HEADER_END..]].concat()
}

/// Returns the CRC-32 of `bytes`, as PNG chunks contain it.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// Returns a GIF with single-colour frames, each given as left, top, width, height and colour. The canvas has no
/// background.
pub(crate) fn gif(width: u16, height: u16, frames: &[(u16, u16, u16, u16, Pixel)]) -> Vec<u8> {
    let mut encoder = gif::Encoder::new(Vec::new(), width, height, &[]).unwrap();
    for (left, top, width, height, color) in frames {
        let frame = gif::Frame {
            left: *left,
            top: *top,
            ..gif::Frame::from_palette_pixels(
                *width,
                *height,
                vec![0; usize::from(*width) * usize::from(*height)],
                color.as_slice(),
                None,
            )
        };
        encoder.write_frame(&frame).unwrap();
    }
    encoder.into_inner().unwrap()
}

pub(crate) fn webp(width: u32, height: u32, pixels: &[u8], lossless: bool) -> Vec<u8> {
    let rgba = pixels.len() == width as usize * height as usize * 4;
    let encoder = if rgba {
        webpx::Encoder::new_rgba(pixels, width, height)
    } else {
        webpx::Encoder::new_rgb(pixels, width, height)
    };
    encoder.lossless(lossless).quality(if lossless { 0.0 } else { 92.0 }).method(0).encode(webpx::Unstoppable).unwrap()
}

/// Returns a RIFF chunk: `name`, the length of `body`, `body`, and padding to an even length.
pub(crate) fn riff_chunk(name: [u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    let padding: &[u8] = if body.len() % 2 == 1 { &[0] } else { &[] };
    [name.as_slice(), &length, body, padding].concat()
}

/// Returns a WebP that has an extended header with the given `flags`, followed by `chunks`.
pub(crate) fn extended_webp(flags: u8, width: u32, height: u32, chunks: &[u8]) -> Vec<u8> {
    let mut header = vec![flags, 0, 0, 0];
    header.extend(&(width - 1).to_le_bytes()[..3]);
    header.extend(&(height - 1).to_le_bytes()[..3]);
    riff_chunk(*b"RIFF", &[b"WEBP", riff_chunk(*b"VP8X", &header).as_slice(), chunks].concat())
}

pub(crate) fn image_of(
    format: image::ImageFormat,
    color: image::ColorType,
    width: u32,
    height: u32,
    pixels: &[u8],
) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut bytes, pixels, width, height, color, format).unwrap();
    bytes.into_inner()
}

pub(crate) fn bmp(width: u32, height: u32) -> Vec<u8> {
    image_of(image::ImageFormat::Bmp, image::ColorType::Rgb8, width, height, &quarters(width, height))
}

pub(crate) fn tiff(width: u32, height: u32) -> Vec<u8> {
    image_of(image::ImageFormat::Tiff, image::ColorType::Rgb8, width, height, &quarters(width, height))
}

/// Returns a file without metadata in every format and its main variants, of 90 × 70 pixels.
pub(crate) fn one_of_each() -> Vec<(Kind, Vec<u8>)> {
    let (width, height) = (90, 70);
    vec![
        (Kind::Jpeg, jpeg(width, height)),
        (Kind::Jpeg, progressive_jpeg(width, height)),
        (Kind::Png, png(width, height)),
        (Kind::Gif, gif(90, 70, &[(0, 0, 90, 70, RED)])),
        (Kind::Webp, webp(width, height, &quarters(width, height), false)),
        (Kind::Webp, webp(width, height, &quarters_rgba(width, height, 200), false)),
        (Kind::Webp, webp(width, height, &quarters(width, height), true)),
        (Kind::Bmp, bmp(width, height)),
        (Kind::Tiff, tiff(width, height)),
    ]
}

/// Returns an EXIF block with the given orientation, a GPS position, and [`SECRET`] as the image description.
pub(crate) fn exif(orientation: u16) -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value].concat()
    };
    let [low, high] = orientation.to_le_bytes();
    let mut block = b"II*\0\x08\0\0\0\x03\0".to_vec();
    block.extend(entry(0x010e, 2, u32::try_from(SECRET.len()).unwrap(), 68u32.to_le_bytes()));
    block.extend(entry(0x0112, 3, 1, [low, high, 0, 0]));
    block.extend(entry(0x8825, 4, 1, 50u32.to_le_bytes()));
    block.extend([0; 4]);
    assert_eq!(block.len(), 50);
    block.extend([1, 0]);
    block.extend(entry(0x0001, 2, 2, *b"N\0\0\0"));
    block.extend([0; 4]);
    assert_eq!(block.len(), 68);
    block.extend(SECRET);
    block
}

/// The decoded pixels of a thumbnail.
pub(crate) struct DecodedThumbnail {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The reported size of the whole image.
    pub(crate) image_size: (u32, u32),
    pixels: Vec<Pixel>,
}

impl DecodedThumbnail {
    /// Makes the thumbnail of `file` and decodes it. Panics if `file` is refused, or if the thumbnail has another size
    /// than reported or contains metadata.
    pub(crate) fn of(file: &[u8]) -> Self {
        let Thumbnail { jpeg, width, height, image_size } = media::thumbnail(file).unwrap();
        assert_no_metadata(&jpeg);
        let mut decoded = Decompress::new_mem(&jpeg).unwrap().rgb().unwrap();
        assert_eq!((decoded.width(), decoded.height()), (width as usize, height as usize));
        Self { width, height, image_size, pixels: decoded.read_scanlines().unwrap() }
    }

    pub(crate) fn at(&self, x: u32, y: u32) -> Pixel {
        self.pixels[(y * self.width + x) as usize]
    }

    /// Returns the colours in the middle of the four quarters, in the order of [`quarters`].
    pub(crate) fn quarter_colors(&self) -> [Pixel; 4] {
        let (left, right, top, bottom) = (self.width / 4, self.width * 3 / 4, self.height / 4, self.height * 3 / 4);
        [self.at(left, top), self.at(right, top), self.at(left, bottom), self.at(right, bottom)]
    }

    pub(crate) fn assert_quarters(&self, expected: [Pixel; 4]) {
        let colors = self.quarter_colors();
        for (actual, expected_color) in colors.into_iter().zip(expected) {
            assert!(close(actual, expected_color, 12), "the quarters are {colors:?}, expected {expected:?}");
        }
    }
}

/// Returns whether two colours differ by at most `by` in every colour channel.
pub(crate) fn close(one: Pixel, other: Pixel, by: u8) -> bool {
    one.iter().zip(other).all(|(one, other)| one.abs_diff(other) <= by)
}

/// Asserts that a thumbnail has only segments that are needed for decoding, before its first scan, and does not contain
/// [`SECRET`].
fn assert_no_metadata(jpeg: &[u8]) {
    let mut at = 2;
    while jpeg[at + 1] != 0xda {
        assert_eq!(jpeg[at], 0xff);
        let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        assert!(matches!(jpeg[at + 1], 0xc0 | 0xc4 | 0xdb | 0xe0), "unexpected segment {:#x}", jpeg[at + 1]);
        assert!(jpeg[at + 1] != 0xe0 || length == 16, "the JFIF segment must not contain a preview image");
        at += 2 + length;
    }
    assert!(!jpeg.windows(SECRET.len()).any(|window| window == SECRET));
}
