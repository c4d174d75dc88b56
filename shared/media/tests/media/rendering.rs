//! Checks that thumbnails are upright, have the right colours and contain no metadata.

use moxcms::{ColorProfile, ToneReprCurve, TransformOptions};
use mozjpeg::ColorSpace;

use crate::samples::{
    BLUE, DecodedThumbnail, GREEN, RED, SECRET, WHITE, YELLOW, close, exif, extended_webp, jpeg, jpeg_of, png,
    riff_chunk, webp, with_chunk, with_segment,
};

#[test]
fn all_eight_exif_orientations_are_turned_upright() {
    // Expected colours of the thumbnail for orientations 1 to 8: upper left, upper right, lower left, lower right.
    let expected = [
        [RED, GREEN, BLUE, YELLOW],
        [GREEN, RED, YELLOW, BLUE],
        [YELLOW, BLUE, GREEN, RED],
        [BLUE, YELLOW, RED, GREEN],
        [RED, BLUE, GREEN, YELLOW],
        [BLUE, RED, YELLOW, GREEN],
        [YELLOW, GREEN, BLUE, RED],
        [GREEN, YELLOW, RED, BLUE],
    ];
    for (orientation, quarters) in (1..).zip(expected) {
        for (width, height) in [(60, 40), (1600, 1000)] {
            let block = [b"Exif\0\0", exif(orientation).as_slice()].concat();
            let decoded = DecodedThumbnail::of(&with_segment(&jpeg(width, height), 0xe1, &block));
            assert_eq!(decoded.width > decoded.height, orientation < 5, "orientation {orientation}");
            let upright = if orientation < 5 { (width, height) } else { (height, width) };
            assert_eq!(decoded.image_size, upright, "orientation {orientation}");
            decoded.assert_quarters(quarters);
        }
    }
}

#[test]
fn invalid_orientations_are_ignored() {
    for orientation in [0, 9, 0xffff] {
        let block = [b"Exif\0\0", exif(orientation).as_slice()].concat();
        DecodedThumbnail::of(&with_segment(&jpeg(60, 40), 0xe1, &block)).assert_quarters([RED, GREEN, BLUE, YELLOW]);
    }
}

#[test]
fn thumbnails_contain_no_metadata() {
    let block = [b"Exif\0\0", exif(1).as_slice()].concat();
    let xmp = [b"http://ns.adobe.com/xap/1.0/\0", SECRET].concat();
    let mut file = jpeg(60, 40);
    for (marker, body) in [(0xe1, block), (0xe1, xmp), (0xfe, SECRET.to_vec()), (0xed, SECRET.to_vec())] {
        file = with_segment(&file, marker, &body);
    }
    // `DecodedThumbnail::of` checks that the thumbnail has no metadata segments.
    DecodedThumbnail::of(&file);

    let text = [b"Comment\0", SECRET].concat();
    DecodedThumbnail::of(&with_chunk(&with_chunk(&png(60, 40), *b"tEXt", &text), *b"eXIf", &exif(1)));
    let still = webp(60, 40, &[99; 60 * 40 * 3], true);
    let chunks = [&still[12..], &riff_chunk(*b"EXIF", &exif(1)), &riff_chunk(*b"XMP ", SECRET)].concat();
    DecodedThumbnail::of(&extended_webp(0x0c, 60, 40, &chunks));
}

/// Returns a colour profile with a larger gamut than sRGB.
fn wide_gamut() -> Vec<u8> {
    ColorProfile::new_bt2020().encode().unwrap()
}

/// A colour in the profile of [`wide_gamut`]. sRGB can represent this colour too, with other values.
const WIDE: [u8; 3] = [90, 150, 70];

fn expected_in_srgb() -> [u8; 3] {
    let from = ColorProfile::new_from_slice(&wide_gamut()).unwrap();
    let layout = moxcms::Layout::Rgb;
    let transform =
        from.create_transform_8bit(layout, &ColorProfile::new_srgb(), layout, TransformOptions::default()).unwrap();
    let mut color = [0; 3];
    transform.transform(&WIDE, &mut color).unwrap();
    assert!(!close(color, WIDE, 15), "{color:?} is too close to {WIDE:?}: the tests would pass without a conversion");
    color
}

#[test]
fn embedded_profiles_are_converted_to_srgb() {
    let pixels = WIDE.repeat(700 * 500);
    let expected = expected_in_srgb();
    let icc = wide_gamut();

    let body = [b"ICC_PROFILE\0\x01\x01", icc.as_slice()].concat();
    let plain = jpeg_of(ColorSpace::JCS_RGB, 700, 500, &pixels, |_| {});
    DecodedThumbnail::of(&plain).assert_quarters([WIDE; 4]);
    DecodedThumbnail::of(&with_segment(&plain, 0xe2, &body)).assert_quarters([expected; 4]);

    // The file contains the profile in two parts, the second one first.
    let (one, two) = icc.split_at(100);
    let file = with_segment(&plain, 0xe2, &[b"ICC_PROFILE\0\x01\x02", one].concat());
    DecodedThumbnail::of(&with_segment(&file, 0xe2, &[b"ICC_PROFILE\0\x02\x02", two].concat()))
        .assert_quarters([expected; 4]);
    // If a part is missing, the profile is ignored.
    DecodedThumbnail::of(&file).assert_quarters([WIDE; 4]);

    let mut bytes = Vec::new();
    let mut info = png::Info::with_size(700, 500);
    info.icc_profile = Some(icc.clone().into());
    info.color_type = png::ColorType::Rgb;
    let mut writer = png::Encoder::with_info(&mut bytes, info).unwrap().write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    assert!(bytes.windows(4).any(|window| window == b"iCCP"));
    DecodedThumbnail::of(&bytes).assert_quarters([expected; 4]);

    let still = webp(700, 500, &pixels, true);
    let chunks = [riff_chunk(*b"ICCP", &icc).as_slice(), &still[12..]].concat();
    DecodedThumbnail::of(&extended_webp(0x20, 700, 500, &chunks)).assert_quarters([expected; 4]);
}

#[test]
fn srgb_profile_changes_nothing() {
    let thumbnail_with = |profile: &ColorProfile| {
        let body = [b"ICC_PROFILE\0\x01\x01", profile.encode().unwrap().as_slice()].concat();
        media::thumbnail(&with_segment(&jpeg(700, 500), 0xe2, &body)).unwrap().jpeg
    };
    let plain = media::thumbnail(&jpeg(700, 500)).unwrap().jpeg;
    let mut profile = ColorProfile::new_srgb();
    // The CICP tag names the colour space. It would override the curve that is changed below, so it is removed.
    profile.cicp = None;
    assert!(thumbnail_with(&profile) == plain, "a profile equivalent to sRGB must change nothing");
    // A gamma of 1.8, as an 8.8 fixed-point number.
    profile.blue_trc = Some(ToneReprCurve::Lut(vec![461]));
    assert!(thumbnail_with(&profile) != plain, "a profile with another curve must change the colours");
}

#[test]
fn profile_for_another_color_space_or_invalid_profile_is_ignored() {
    let gray = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let mut broken = wide_gamut();
    broken.truncate(200);
    for icc in [gray, broken, vec![0xff; 5000], Vec::new()] {
        let body = [b"ICC_PROFILE\0\x01\x01", icc.as_slice()].concat();
        DecodedThumbnail::of(&with_segment(&jpeg(60, 40), 0xe2, &body)).assert_quarters([RED, GREEN, BLUE, YELLOW]);
    }
}

#[test]
fn white_stays_white() {
    DecodedThumbnail::of(&jpeg_of(ColorSpace::JCS_RGB, 1500, 900, &WHITE.repeat(1500 * 900), |_| {}))
        .assert_quarters([WHITE; 4]);
}
