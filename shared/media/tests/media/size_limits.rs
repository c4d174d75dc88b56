//! Tests with images that declare a false size, and with images of the largest allowed size.

use media::{Refusal, thumbnail};
use mozjpeg::ColorSpace;
use png::{BitDepth, ColorType};

use crate::child::{MADE, thumbnail_within_limits};
use crate::samples::{bmp, crc32, extended_webp, gif, jpeg, jpeg_of, png, png_of, riff_chunk, tiff, webp};

/// Width of the largest images in pixels. An image of this width and of [`HEIGHT`] is just under the limit of 50
/// megapixels.
const WIDTH: u32 = 8192;
const HEIGHT: u32 = 6103;

/// Returns a copy of the file with `bytes` written at position `at`.
fn patched(file: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// Returns a copy of a PNG that declares another size, with the matching checksum.
fn patched_png(file: &[u8], width: u32, height: u32) -> Vec<u8> {
    let file = patched(&patched(file, 16, &width.to_be_bytes()), 20, &height.to_be_bytes());
    patched(&file, 29, &crc32(&file[12..29]).to_be_bytes())
}

/// Returns the position of the marker of a JPEG's frame header, which declares the size.
fn frame_header(jpeg: &[u8]) -> usize {
    jpeg.windows(2).position(|pair| matches!(pair, [0xff, 0xc0 | 0xc2])).unwrap()
}

/// Returns the position of the value of `tag` in a little-endian TIFF. The value must be a single number.
fn tiff_value(tiff: &[u8], tag: u16) -> usize {
    let directory = u32::from_le_bytes(tiff[4..8].try_into().unwrap()) as usize;
    let entries = tiff[directory + 2..].chunks_exact(12);
    let index = entries.into_iter().position(|entry| entry.starts_with(&tag.to_le_bytes())).unwrap();
    directory + 2 + index * 12 + 8
}

#[test]
fn declared_size_above_the_limits_is_refused() {
    let (jpeg, tiff, bmp) = (jpeg(60, 40), tiff(60, 40), bmp(60, 40));
    let frame = frame_header(&jpeg);
    let tiff_sized = |width: u32, height: u32| {
        let file = patched(&tiff, tiff_value(&tiff, 0x100), &width.to_le_bytes());
        patched(&file, tiff_value(&tiff, 0x101), &height.to_le_bytes())
    };
    let files = [
        ("JPEG", patched(&jpeg, frame + 5, &[0xff, 0xff, 0xff, 0xff])),
        ("JPEG, long", patched(&jpeg, frame + 5, &[0xff, 0xff, 0, 1])),
        ("PNG", patched_png(&png(60, 40), 60_000, 60_000)),
        ("PNG, long", patched_png(&png(60, 40), 16_385, 1)),
        ("PNG, one too many", patched_png(&png(60, 40), 10_000, 5_001)),
        ("GIF", patched(&gif(60, 40, &[(0, 0, 60, 40, [1; 3])]), 6, &[0xff; 4])),
        ("WebP", extended_webp(0x10, 16_000_000, 200, &[])),
        ("BMP", patched(&patched(&bmp, 18, &30_000i32.to_le_bytes()), 22, &30_000i32.to_le_bytes())),
        ("BMP, upside down", patched(&patched(&bmp, 18, &30_000i32.to_le_bytes()), 22, &(-30_000i32).to_le_bytes())),
        ("TIFF", tiff_sized(60_000, 60_000)),
    ];
    for (name, file) in files {
        let outcome = thumbnail_within_limits(name, &file);
        assert!(outcome.contains("too large") || name == "WebP" || name == "TIFF", "{name}: {outcome}");
    }
    let refusal = thumbnail(&patched(&jpeg, frame + 5, &[0xff, 0xff, 0xff, 0xff])).unwrap_err();
    assert_eq!(refusal, Refusal::TooLarge { width: 65_535, height: 65_535 });
    assert!(refusal.to_string().contains("65535 × 65535"), "{refusal}");

    for (width, height) in [(0, 40), (60, 0), (u32::MAX, u32::MAX), (u32::MAX, 1)] {
        assert!(thumbnail(&patched_png(&png(60, 40), width, height)).is_err());
        assert!(thumbnail(&tiff_sized(width, height)).is_err());
    }
    for side in [0, i32::MIN, i32::MAX] {
        assert!(thumbnail(&patched(&bmp, 18, &side.to_le_bytes())).is_err());
        assert!(thumbnail(&patched(&bmp, 22, &side.to_le_bytes())).is_err());
    }
}

#[test]
fn large_declared_size_with_little_data_stays_within_limits() {
    let jpeg = jpeg(60, 40);
    let frame = frame_header(&jpeg);
    let size =
        [&u16::try_from(HEIGHT).unwrap().to_be_bytes()[..], &u16::try_from(WIDTH).unwrap().to_be_bytes()].concat();
    thumbnail_within_limits("JPEG that ends early", &patched(&jpeg, frame + 5, &size));
    thumbnail_within_limits("PNG that ends early", &patched_png(&png(60, 40), WIDTH, HEIGHT));
    let file = gif(60, 40, &[(0, 0, 60, 40, [1; 3])]);
    let size =
        [&u16::try_from(WIDTH).unwrap().to_le_bytes()[..], &u16::try_from(HEIGHT).unwrap().to_le_bytes()].concat();
    assert_eq!(thumbnail_within_limits("GIF, a small frame on a large canvas", &patched(&file, 6, &size)), MADE);
    let file = bmp(60, 40);
    let file = patched(&patched(&file, 18, &WIDTH.to_le_bytes()), 22, &HEIGHT.to_le_bytes());
    thumbnail_within_limits("BMP that ends early", &file);
    let file = tiff(60, 40);
    let file = patched(&file, tiff_value(&file, 0x100), &WIDTH.to_le_bytes());
    let file = patched(&file, tiff_value(&file, 0x101), &HEIGHT.to_le_bytes());
    thumbnail_within_limits("TIFF that ends early", &file);
    thumbnail_within_limits(
        "TIFF, a strip with more rows than the image",
        &patched(&file, tiff_value(&file, 0x116), &u32::MAX.to_le_bytes()),
    );
}

#[test]
fn png_of_50_megapixels_stays_within_limits() {
    let pixels = vec![0; (WIDTH * HEIGHT * 4) as usize];
    let file = png_of(ColorType::Rgba, BitDepth::Eight, WIDTH, HEIGHT, &pixels);
    assert_eq!(thumbnail_within_limits("PNG, 50 MP of zeros", &file), MADE);
    drop(pixels);

    // An interlaced PNG with 16 bits per sample. The encoder cannot interlace, so a plain PNG is marked as interlaced:
    // zeros are the same in any order. Each row of the seven passes has a filter byte; the 8 extra rows of pixels
    // provide enough bytes for these.
    let rows =
        png_of(ColorType::Rgba, BitDepth::Sixteen, WIDTH, HEIGHT + 8, &vec![0; (WIDTH * (HEIGHT + 8) * 8) as usize]);
    let file = patched_png(&patched(&rows, 28, &[1]), WIDTH, HEIGHT);
    assert_eq!(thumbnail_within_limits("PNG, 50 MP interlaced, 16 bits", &file), MADE);
}

#[test]
fn jpeg_of_50_megapixels_stays_within_limits() {
    let pixels = vec![0x33; (WIDTH * HEIGHT * 3) as usize];
    let file = jpeg_of(ColorSpace::JCS_RGB, WIDTH, HEIGHT, &pixels, |_| {});
    assert_eq!(thumbnail_within_limits("JPEG, 50 MP", &file), MADE);

    // The most expensive kind of JPEG: four components at full resolution, and progressive scans that cover all of
    // them.
    let pixels = vec![0x33; (WIDTH * HEIGHT * 4) as usize];
    let file = jpeg_of(ColorSpace::JCS_CMYK, WIDTH, HEIGHT, &pixels, |jpeg| {
        jpeg.set_color_space(ColorSpace::JCS_CMYK);
        jpeg.set_progressive_mode();
    });
    drop(pixels);
    assert_eq!(thumbnail_within_limits("JPEG, 50 MP of CMYK, progressive", &file), MADE);
    let scan = file.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    let (before, last) = file[..file.len() - 2].split_at(scan);
    for scans in [40, 1000] {
        let many = [before, &last.repeat(scans), &[0xff, 0xd9]].concat();
        thumbnail_within_limits(&format!("JPEG, 50 MP of CMYK, {scans} scans"), &many);
    }
}

#[test]
fn gif_and_webp_of_50_megapixels_stay_within_limits() {
    let (width, height) = (u16::try_from(WIDTH).unwrap(), u16::try_from(HEIGHT).unwrap());
    let file = gif(width, height, &[(0, 0, width, height, [9; 3])]);
    assert_eq!(thumbnail_within_limits("GIF, 50 MP", &file), MADE);

    let pixels = [10, 200, 30, 77].repeat((WIDTH * HEIGHT) as usize);
    for lossless in [true, false] {
        let file = webp(WIDTH, HEIGHT, &pixels, lossless);
        assert_eq!(thumbnail_within_limits(&format!("WebP, 50 MP, lossless {lossless}"), &file), MADE);

        let mut frame = vec![0; 6];
        frame.extend(&(WIDTH - 1).to_le_bytes()[..3]);
        frame.extend(&(HEIGHT - 1).to_le_bytes()[..3]);
        frame.extend([100, 0, 0, 0]);
        frame.extend(&file[if file[12..].starts_with(b"VP8X") { 30 } else { 12 }..]);
        let chunks = [riff_chunk(*b"ANIM", &[0; 6]), riff_chunk(*b"ANMF", &frame)].concat();
        let file = extended_webp(0x12, WIDTH, HEIGHT, &chunks);
        assert_eq!(thumbnail_within_limits(&format!("WebP, 50 MP, animated, lossless {lossless}"), &file), MADE);
    }
}

#[test]
fn tiff_and_bmp_of_50_megapixels_stay_within_limits() {
    use tiff::encoder::{Compression, DeflateLevel, TiffEncoder, colortype};

    let compressions = [
        ("deflate", Compression::Deflate(DeflateLevel::Fast)),
        ("LZW", Compression::Lzw),
        ("PackBits", Compression::Packbits),
    ];
    for (name, compression) in compressions {
        let mut file = std::io::Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut file).unwrap().with_compression(compression);
        encoder.write_image::<colortype::RGBA8>(WIDTH, HEIGHT, &vec![7; (WIDTH * HEIGHT * 4) as usize]).unwrap();
        assert_eq!(thumbnail_within_limits(&format!("TIFF, 50 MP, {name}"), file.get_ref()), MADE);
    }
    let mut file = std::io::Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).unwrap().with_compression(Compression::Lzw);
    encoder.write_image::<colortype::RGBA16>(WIDTH, HEIGHT, &vec![7; (WIDTH * HEIGHT * 4) as usize]).unwrap();
    let outcome = thumbnail_within_limits("TIFF, 50 MP of 16 bits", file.get_ref());
    assert_eq!(outcome, Refusal::TooComplex.to_string());

    // A run-length coded BMP with a palette of one colour. Its pixel data end immediately.
    let mut file = b"BM\0\0\0\0\0\0\0\0\x3a\0\0\0\x28\0\0\0".to_vec();
    file.extend(WIDTH.to_le_bytes());
    file.extend(HEIGHT.to_le_bytes());
    file.extend([1, 0, 8, 0, 1, 0, 0, 0]);
    file.extend([0; 12]);
    file.extend([1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0]);
    file.extend([0, 1]);
    thumbnail_within_limits("BMP, 50 MP run-length coded", &file);
}
