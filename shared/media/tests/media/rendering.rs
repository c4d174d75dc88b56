//! Upright, in the right colours, and nothing told that the picture does not show.

use moxcms::{ColorProfile, ToneReprCurve, TransformOptions};
use mozjpeg::ColorSpace;

use crate::samples::{
    BLUE, GREEN, RED, SECRET, Seen, WHITE, YELLOW, close, exif, extended_webp, jpeg, jpeg_of, png, riff_chunk, webp,
    with_chunk, with_segment,
};

#[test]
fn all_eight_orientations_come_out_upright() {
    // Where the quarters of the stored picture are seen: upper left, upper right, lower left, lower right.
    let seen_as = [
        [RED, GREEN, BLUE, YELLOW],
        [GREEN, RED, YELLOW, BLUE],
        [YELLOW, BLUE, GREEN, RED],
        [BLUE, YELLOW, RED, GREEN],
        [RED, BLUE, GREEN, YELLOW],
        [BLUE, RED, YELLOW, GREEN],
        [YELLOW, GREEN, BLUE, RED],
        [GREEN, YELLOW, RED, BLUE],
    ];
    for (orientation, corners) in (1..).zip(seen_as) {
        for (width, height) in [(60, 40), (1600, 1000)] {
            let block = [b"Exif\0\0", exif(orientation).as_slice()].concat();
            let seen = Seen::of(&with_segment(&jpeg(width, height), 0xe1, &block));
            assert_eq!(seen.width > seen.height, orientation < 5, "orientation {orientation}");
            seen.assert_corners(corners);
        }
    }
}

#[test]
fn orientations_that_do_not_exist_change_nothing() {
    for orientation in [0, 9, 0xffff] {
        let block = [b"Exif\0\0", exif(orientation).as_slice()].concat();
        Seen::of(&with_segment(&jpeg(60, 40), 0xe1, &block)).assert_corners([RED, GREEN, BLUE, YELLOW]);
    }
}

#[test]
fn no_metadata_is_left() {
    let block = [b"Exif\0\0", exif(1).as_slice()].concat();
    let xmp = [b"http://ns.adobe.com/xap/1.0/\0", SECRET].concat();
    let mut file = jpeg(60, 40);
    for (marker, body) in [(0xe1, block), (0xe1, xmp), (0xfe, SECRET.to_vec()), (0xed, SECRET.to_vec())] {
        file = with_segment(&file, marker, &body);
    }
    // `Seen::of` looks into the thumbnail's segments.
    Seen::of(&file);

    let text = [b"Comment\0", SECRET].concat();
    Seen::of(&with_chunk(&with_chunk(&png(60, 40), *b"tEXt", &text), *b"eXIf", &exif(1)));
    let still = webp(60, 40, &[99; 60 * 40 * 3], true);
    let chunks = [&still[12..], &riff_chunk(*b"EXIF", &exif(1)), &riff_chunk(*b"XMP ", SECRET)].concat();
    Seen::of(&extended_webp(0x0c, 60, 40, &chunks));
}

/// A profile whose green is much greener than sRGB's.
fn wide_gamut() -> Vec<u8> {
    ColorProfile::new_bt2020().encode().unwrap()
}

/// A colour of it that sRGB has, too.
const WIDE: [u8; 3] = [90, 150, 70];

fn expected_in_srgb() -> [u8; 3] {
    let from = ColorProfile::new_from_slice(&wide_gamut()).unwrap();
    let layout = moxcms::Layout::Rgb;
    let transform =
        from.create_transform_8bit(layout, &ColorProfile::new_srgb(), layout, TransformOptions::default()).unwrap();
    let mut color = [0; 3];
    transform.transform(&WIDE, &mut color).unwrap();
    assert!(!close(color, WIDE, 15), "{color:?} must differ from {WIDE:?}");
    color
}

#[test]
fn embedded_profiles_are_converted_to_srgb() {
    let pixels = WIDE.repeat(700 * 500);
    let expected = expected_in_srgb();
    let icc = wide_gamut();

    let body = [b"ICC_PROFILE\0\x01\x01", icc.as_slice()].concat();
    let plain = jpeg_of(ColorSpace::JCS_RGB, 700, 500, &pixels, |_| {});
    Seen::of(&plain).assert_corners([WIDE; 4]);
    Seen::of(&with_segment(&plain, 0xe2, &body)).assert_corners([expected; 4]);

    // In two parts, the second one first.
    let (one, two) = icc.split_at(100);
    let file = with_segment(&plain, 0xe2, &[b"ICC_PROFILE\0\x01\x02", one].concat());
    Seen::of(&with_segment(&file, 0xe2, &[b"ICC_PROFILE\0\x02\x02", two].concat())).assert_corners([expected; 4]);
    // With a part missing there is no profile.
    Seen::of(&file).assert_corners([WIDE; 4]);

    let mut bytes = Vec::new();
    let mut info = png::Info::with_size(700, 500);
    info.icc_profile = Some(icc.clone().into());
    info.color_type = png::ColorType::Rgb;
    let mut writer = png::Encoder::with_info(&mut bytes, info).unwrap().write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    assert!(bytes.windows(4).any(|window| window == b"iCCP"));
    Seen::of(&bytes).assert_corners([expected; 4]);

    let still = webp(700, 500, &pixels, true);
    let chunks = [riff_chunk(*b"ICCP", &icc).as_slice(), &still[12..]].concat();
    Seen::of(&extended_webp(0x20, 700, 500, &chunks)).assert_corners([expected; 4]);
}

#[test]
fn a_profile_that_is_srgb_changes_nothing() {
    let of = |profile: &ColorProfile| {
        let body = [b"ICC_PROFILE\0\x01\x01", profile.encode().unwrap().as_slice()].concat();
        media::thumbnail(&with_segment(&jpeg(700, 500), 0xe2, &body)).unwrap().jpeg
    };
    let plain = media::thumbnail(&jpeg(700, 500)).unwrap().jpeg;
    // Without the code for it, which overrides all else.
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None;
    assert!(of(&profile) == plain);
    // A gamma of 1.8, in 256ths.
    profile.blue_trc = Some(ToneReprCurve::Lut(vec![461]));
    assert!(of(&profile) != plain, "its colours, but not its curves");
}

#[test]
fn a_profile_of_another_kind_or_a_broken_one_is_ignored() {
    let gray = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let mut broken = wide_gamut();
    broken.truncate(200);
    for icc in [gray, broken, vec![0xff; 5000], Vec::new()] {
        let body = [b"ICC_PROFILE\0\x01\x01", icc.as_slice()].concat();
        Seen::of(&with_segment(&jpeg(60, 40), 0xe2, &body)).assert_corners([RED, GREEN, BLUE, YELLOW]);
    }
}

#[test]
fn white_stays_white() {
    Seen::of(&jpeg_of(ColorSpace::JCS_RGB, 1500, 900, &WHITE.repeat(1500 * 900), |_| {})).assert_corners([WHITE; 4]);
}
