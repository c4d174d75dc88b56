//! Tests of the thumbnails of each format and its variants.

use image::{ColorType as ImageColor, ImageFormat};
use media::{Kind, Refusal};
use mozjpeg::ColorSpace;
use png::{BitDepth, ColorType};

use crate::samples::{
    BLUE, DecodedThumbnail, GREEN, RED, WHITE, YELLOW, bmp, close, exif, extended_webp, gif, image_of, jpeg, jpeg_of,
    png, png_of, progressive_jpeg, quarters, quarters_rgba, riff_chunk, tiff, webp, with_chunk,
};

const QUARTERS: [[u8; 3]; 4] = [RED, GREEN, BLUE, YELLOW];

#[test]
fn every_format_is_detected_and_has_a_thumbnail() {
    let files = [
        (Kind::Jpeg, jpeg(120, 80)),
        (Kind::Jpeg, progressive_jpeg(120, 80)),
        (Kind::Png, png(120, 80)),
        (Kind::Webp, webp(120, 80, &quarters(120, 80), false)),
        (Kind::Webp, webp(120, 80, &quarters(120, 80), true)),
        (Kind::Bmp, bmp(120, 80)),
        (Kind::Tiff, tiff(120, 80)),
    ];
    for (kind, file) in files {
        assert_eq!(Kind::of(&file), kind);
        let decoded = DecodedThumbnail::of(&file);
        assert_eq!((decoded.width, decoded.height), (120, 80), "{kind:?}: a small image must keep its size");
        decoded.assert_quarters(QUARTERS);
    }
}

#[test]
fn large_images_are_shrunk_by_their_shorter_side_and_panoramas_by_their_longer_one() {
    for (width, height, expected) in [(2000, 1500, (640, 480)), (700, 3000, (239, 1024)), (481, 481, (480, 480))] {
        let pixels = quarters(width, height);
        let files = [
            jpeg(width, height),
            progressive_jpeg(width, height),
            png(width, height),
            webp(width, height, &pixels, false),
            webp(width, height, &quarters_rgba(width, height, 255), true),
            bmp(width, height),
            tiff(width, height),
        ];
        for file in files {
            let decoded = DecodedThumbnail::of(&file);
            assert_eq!((decoded.width, decoded.height), expected, "{:?}", Kind::of(&file));
            assert_eq!(decoded.image_size, (width, height), "{:?}", Kind::of(&file));
            decoded.assert_quarters(QUARTERS);
        }
    }
}

#[test]
fn narrowest_images_keep_a_width_of_one_pixel() {
    for (width, height, expected) in [(16_384, 1, (1024, 1)), (1, 16_384, (1, 1024)), (1, 1, (1, 1))] {
        for file in [png(width, height), jpeg(width, height)] {
            let decoded = DecodedThumbnail::of(&file);
            assert_eq!((decoded.width, decoded.height), expected, "{:?}", Kind::of(&file));
            assert_eq!(decoded.image_size, (width, height), "{:?}", Kind::of(&file));
        }
    }
}

#[test]
fn transparent_pixels_become_white() {
    for (width, height) in [(100, 100), (1700, 1700)] {
        let clear = quarters_rgba(width, height, 0);
        let half = quarters_rgba(width, height, 128);
        for pixels in [&clear, &half] {
            let files = [
                png_of(ColorType::Rgba, BitDepth::Eight, width, height, pixels),
                webp(width, height, pixels, true),
                image_of(ImageFormat::Tiff, ImageColor::Rgba8, width, height, pixels),
            ];
            let alpha = u32::from(pixels[3]);
            let on_white = |value: u8| u8::try_from((u32::from(value) * alpha + 255 * (255 - alpha)) / 255).unwrap();
            for file in files {
                DecodedThumbnail::of(&file).assert_quarters(QUARTERS.map(|color| color.map(on_white)));
            }
        }
    }
}

#[test]
fn color_of_transparent_pixels_does_not_affect_neighbors() {
    // The columns alternate between transparent red and opaque blue. On white, the average is a light blue.
    let pixels: Vec<u8> = [[255, 0, 0, 0], [0, 0, 255, 255]].concat().repeat(1600 * 800);
    let decoded = DecodedThumbnail::of(&png_of(ColorType::Rgba, BitDepth::Eight, 1600, 1600, &pixels));
    assert!(close(decoded.at(256, 256), [128, 128, 255], 6), "{:?}", decoded.at(256, 256));
}

#[test]
fn png_of_every_color_type() {
    let wide = |pixels: Vec<u8>| pixels.into_iter().flat_map(|value| [value, 0]).collect::<Vec<_>>();
    let gray: Vec<u8> = quarters(1200, 800).chunks_exact(3).map(|rgb| rgb[0]).collect();
    let grays = QUARTERS.map(|color| [color[0]; 3]);

    DecodedThumbnail::of(&png_of(ColorType::Rgb, BitDepth::Sixteen, 1200, 800, &wide(quarters(1200, 800))))
        .assert_quarters(QUARTERS);
    DecodedThumbnail::of(&png_of(ColorType::Grayscale, BitDepth::Eight, 1200, 800, &gray)).assert_quarters(grays);
    DecodedThumbnail::of(&png_of(ColorType::Grayscale, BitDepth::Sixteen, 1200, 800, &wide(gray.clone())))
        .assert_quarters(grays);
    let clear: Vec<u8> = gray.iter().flat_map(|gray| [*gray, 0]).collect();
    DecodedThumbnail::of(&png_of(ColorType::GrayscaleAlpha, BitDepth::Eight, 1200, 800, &clear))
        .assert_quarters([WHITE; 4]);
    // One bit per pixel. The bytes are 0b1010_1010: columns alternate between white and black, and their average is
    // gray.
    let decoded = DecodedThumbnail::of(&png_of(ColorType::Grayscale, BitDepth::One, 1200, 800, &vec![0xaa; 150 * 800]));
    assert!(close(decoded.at(200, 200), [128; 3], 6));

    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 40, 40);
    encoder.set_color(ColorType::Indexed);
    encoder.set_palette([RED, BLUE].concat());
    encoder.set_trns(vec![255, 0]);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[[0; 20], [1; 20]].concat().repeat(40)).unwrap();
    writer.finish().unwrap();
    DecodedThumbnail::of(&bytes).assert_quarters([RED, WHITE, RED, WHITE]);
}

/// The decoder skips some scans of large progressive files. This must not change the thumbnail.
#[test]
fn large_progressive_jpeg_has_same_thumbnail_as_baseline_jpeg() {
    let pixels: Vec<u8> = (0..6000 * 400 * 3_u32).map(|at| ((at / 97) ^ (at % 61)).to_le_bytes()[0]).collect();
    for sampling in [(1, 1), (2, 1), (1, 2), (2, 2)] {
        let thumbnail_of = |progressive: bool| {
            let file = jpeg_of(ColorSpace::JCS_RGB, 6000, 400, &pixels, |jpeg| {
                jpeg.set_chroma_sampling_pixel_sizes(sampling, sampling);
                if progressive {
                    jpeg.set_progressive_mode();
                }
            });
            media::thumbnail(&file).unwrap().jpeg
        };
        assert!(thumbnail_of(true) == thumbnail_of(false), "chroma of {sampling:?} pixels");
    }
}

#[test]
fn jpeg_in_gray_and_cmyk() {
    let gray: Vec<u8> = quarters(1000, 600).chunks_exact(3).map(|rgb| rgb[0]).collect();
    let file =
        jpeg_of(ColorSpace::JCS_GRAYSCALE, 1000, 600, &gray, |jpeg| jpeg.set_color_space(ColorSpace::JCS_GRAYSCALE));
    DecodedThumbnail::of(&file).assert_quarters(QUARTERS.map(|color| [color[0]; 3]));

    // libjpeg writes an Adobe segment into CMYK files. Adobe stores CMYK inverted: 255 is no ink.
    let light: Vec<u8> = quarters(1000, 600).chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect();
    for stored in [ColorSpace::JCS_CMYK, ColorSpace::JCS_YCCK] {
        let file = jpeg_of(ColorSpace::JCS_CMYK, 1000, 600, &light, |jpeg| jpeg.set_color_space(stored));
        DecodedThumbnail::of(&file).assert_quarters(QUARTERS);
    }
}

#[test]
fn tiff_of_16_bits() {
    let pixels: Vec<u8> = quarters(1000, 600).into_iter().flat_map(|value| [value, value]).collect();
    DecodedThumbnail::of(&image_of(ImageFormat::Tiff, ImageColor::Rgb16, 1000, 600, &pixels)).assert_quarters(QUARTERS);
}

#[test]
fn first_frame_of_an_animation_is_shown() {
    for side in [100, 1000] {
        let decoded = DecodedThumbnail::of(&gif(side, side, &[(0, 0, side, side, GREEN), (0, 0, side, side, RED)]));
        decoded.assert_quarters([GREEN; 4]);
        // A frame may cover only a part of the canvas, and may extend beyond it.
        let half = side / 2;
        let decoded = DecodedThumbnail::of(&gif(side, side, &[(half, half, half, half, GREEN)]));
        decoded.assert_quarters([WHITE, WHITE, WHITE, GREEN]);
        assert_eq!(decoded.image_size, (side.into(), side.into()));
        DecodedThumbnail::of(&gif(side, side, &[(half, 0, side, side, RED)])).assert_quarters([WHITE, RED, WHITE, RED]);
    }

    for side in [100, 2000] {
        for (lossless, alpha) in [(false, 255), (true, 255), (false, 254), (true, 254)] {
            let frame = |left: u32, top: u32, side: u32, pixels: &[u8]| {
                let mut body = Vec::new();
                for number in [left / 2, top / 2, side - 1, side - 1, 100] {
                    body.extend(&number.to_le_bytes()[..3]);
                }
                body.push(0);
                let still = webp(side, side, pixels, lossless);
                // The frames of an animation have neither the RIFF header (12 bytes) nor the extended header (18 bytes,
                // if the still image has one), so both are cut off.
                body.extend(&still[if still[12..].starts_with(b"VP8X") { 30 } else { 12 }..]);
                riff_chunk(*b"ANMF", &body)
            };
            let timing = riff_chunk(*b"ANIM", &[0; 6]);
            let whole = frame(0, 0, side, &quarters_rgba(side, side, alpha));
            let file = extended_webp(
                0x12,
                side,
                side,
                &[timing.clone(), whole.clone(), frame(0, 0, side, &vec![9; (side * side * 3) as usize])].concat(),
            );
            let decoded = DecodedThumbnail::of(&file);
            assert_eq!((decoded.width, decoded.image_size), (side.min(480), (side, side)));
            decoded.assert_quarters(QUARTERS);

            let part = frame(side / 2, 0, side / 2, &quarters_rgba(side / 2, side / 2, alpha));
            let decoded = DecodedThumbnail::of(&extended_webp(0x12, side, side, &[timing, part].concat()));
            let middle_of_frame = decoded.at(decoded.width * 3 / 4, decoded.height / 4);
            decoded.assert_quarters([WHITE, middle_of_frame, WHITE, WHITE]);
            assert!(close(decoded.at(decoded.width * 5 / 8, decoded.height / 8), RED, 12));
        }
    }
}

#[test]
fn exif_orientation_of_png_and_webp_is_applied() {
    let turned = [BLUE, RED, YELLOW, GREEN];
    let still = webp(60, 40, &quarters(60, 40), false);
    let chunks = [&still[12..], &riff_chunk(*b"EXIF", &exif(6))].concat();
    for file in [with_chunk(&png(60, 40), *b"eXIf", &exif(6)), extended_webp(0x08, 60, 40, &chunks)] {
        let decoded = DecodedThumbnail::of(&file);
        decoded.assert_quarters(turned);
        assert_eq!(decoded.image_size, (40, 60));
    }
}

#[test]
fn unsupported_files_are_refused_with_the_reason() {
    assert_eq!(media::thumbnail(b"").unwrap_err(), Refusal::NotAnImage);
    assert_eq!(media::thumbnail(b"<svg xmlns='http://www.w3.org/2000/svg'/>").unwrap_err(), Refusal::NotAnImage);
    assert_eq!(media::thumbnail(b"%PDF-1.7").unwrap_err(), Refusal::NotAnImage);
    assert_eq!(media::thumbnail(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").unwrap_err(), Refusal::Unsupported);
}
