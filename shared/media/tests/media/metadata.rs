//! Tests that metadata are removed from images, and nothing else. Each test adds metadata to a clean file and expects
//! exactly the clean file back, so pixels, colours and timing are the same bit by bit.

use std::borrow::Cow;

use media::{Kind, Refusal, strip_metadata};
use mozjpeg::ColorSpace;

use crate::samples::{
    DecodedThumbnail, GREEN, RED, SECRET, bmp, exif, extended_webp, gif, jpeg, jpeg_of, one_of_each, png,
    progressive_jpeg, quarters, riff_chunk, webp, with_chunk, with_segment,
};

/// Strips `file`. Panics if the result contains [`SECRET`] or changes when it is stripped again.
pub(crate) fn stripped(file: &[u8]) -> Vec<u8> {
    let stripped = strip_metadata(file).unwrap().into_owned();
    assert!(!stripped.windows(SECRET.len()).any(|window| window == SECRET), "private data remain");
    assert!(is_unchanged(&stripped), "stripping twice changes the file again");
    stripped
}

pub(crate) fn is_unchanged(file: &[u8]) -> bool {
    matches!(strip_metadata(file), Ok(Cow::Borrowed(bytes)) if bytes == file)
}

/// Returns all orders of the numbers below `count`.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let Some(last) = count.checked_sub(1) else { return vec![Vec::new()] };
    let insert = |order: Vec<usize>| {
        (0..=last).map(move |at| [&order[..at], &[last], &order[at..]].concat()).collect::<Vec<_>>()
    };
    orders(last).into_iter().flat_map(insert).collect()
}

/// Returns an EXIF block that has only an orientation.
fn minimal_exif(orientation: u8) -> Vec<u8> {
    [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(), &[orientation], &[0; 7]].concat()
}

fn segment(marker: u8, parts: &[&[u8]]) -> Vec<u8> {
    with_segment(&[0xff, 0xd8], marker, &parts.concat())[2..].to_vec()
}

/// Returns JPEG segments that must be removed.
fn private_segments() -> Vec<Vec<u8>> {
    let mut segments = vec![
        segment(0xe0, &[b"JFXX\0\x10", SECRET]),
        segment(0xe1, &[b"Exif\0\0", &exif(1)]),
        segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", SECRET]),
        segment(0xe1, &[b"http://ns.adobe.com/xmp/extension/\0", SECRET]),
        segment(0xe1, &[]),
        segment(0xe2, &[b"MPF\0II*\0", SECRET]),
        segment(0xe2, &[b"FPXR\0", SECRET]),
        segment(0xed, &[b"Photoshop 3.0\0", SECRET]),
        segment(0xee, &[b"Adobe", &[0; 3]]),
        segment(0xfe, &[SECRET]),
        segment(0xfe, &[]),
    ];
    segments.extend((0xe3..=0xef).map(|marker| segment(marker, &[SECRET])));
    segments
}

/// Splits a JPEG into its segments before the first scan and the rest, both without the start marker.
fn header_segments(jpeg: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let (mut segments, mut rest) = (Vec::new(), &jpeg[2..]);
    while rest[1] != 0xda {
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        let (segment, after) = rest.split_at(2 + length);
        segments.push(segment);
        rest = after;
    }
    (segments, rest)
}

#[test]
fn clean_files_are_returned_unchanged() {
    for (kind, file) in one_of_each() {
        assert!(is_unchanged(&file), "{kind:?}");
    }
    let profile = segment(0xe2, &[b"ICC_PROFILE\0\x01\x01", &[7; 500]]);
    assert!(is_unchanged(&[&jpeg(60, 40)[..2], &profile, &jpeg(60, 40)[2..]].concat()));
    let cmyk = jpeg_of(ColorSpace::JCS_CMYK, 60, 40, &[90; 60 * 40 * 4], |jpeg| {
        jpeg.set_color_space(ColorSpace::JCS_YCCK);
    });
    assert!(cmyk.windows(5).any(|window| window == b"Adobe") && is_unchanged(&cmyk));
}

#[test]
fn jpeg_segments_are_removed_in_every_order() {
    let plain = jpeg(32, 24);
    let (segments, scan) = header_segments(&plain);
    let profile = segment(0xe2, &[b"ICC_PROFILE\0\x01\x01", &[7; 50]]);
    let turned = segment(0xe1, &[b"Exif\0\0", &exif(6)]);
    let [jfif, tables @ ..] = segments.as_slice() else { panic!("no segments") };
    let tables = tables.concat();
    // The other segments (tables and the frame header) are split into two parts, so that metadata may stand between
    // them.
    let (before, after) = tables.split_at(header_segments(&plain).0[1].len());
    // Of several EXIF segments, only the first one counts. So the files have only `turned`, and not the private one.
    let is_exif = |segment: &Vec<u8>| segment[4..].starts_with(b"Exif");
    let all: Vec<_> = private_segments().into_iter().filter(|segment| !is_exif(segment)).collect();
    for private in all.chunks(3) {
        let private = private.concat();
        let parts = [jfif, before, after, &profile, &turned, private.as_slice()];
        let minimal = segment(0xe1, &[b"Exif\0\0", &minimal_exif(6)]);
        let kept = [jfif, before, after, &profile, &minimal, &[]];
        for order in orders(parts.len()) {
            let join = |parts: &[&[u8]]| {
                let header = order.iter().flat_map(|part| parts[*part]).copied().collect::<Vec<u8>>();
                [&[0xff, 0xd8], header.as_slice(), scan].concat()
            };
            let stripped = stripped(&join(&parts));
            assert!(stripped == join(&kept), "{order:?}");
        }
    }
    let file = [&plain[..2], &turned, &profile, &plain[2..]].concat();
    let thumbnail = |file: &[u8]| media::thumbnail(file).unwrap().jpeg;
    assert!(thumbnail(&stripped(&file)) == thumbnail(&file), "orientation and profile must stay");
}

#[test]
fn jpeg_segments_between_scans_are_removed() {
    let plain = progressive_jpeg(60, 40);
    let scans: Vec<usize> =
        (0..plain.len() - 1).filter(|at| matches!(plain[*at..*at + 2], [0xff, 0xda | 0xd9])).collect();
    assert!(scans.len() > 5);
    let private = private_segments().concat();
    let mut file = plain.clone();
    for at in scans.into_iter().rev() {
        file.splice(at..at, private.clone());
    }
    assert!(stripped(&file) == plain);
}

#[test]
fn restart_markers_and_fill_bytes_of_jpeg_stay() {
    // Two blocks of gray, each coded as 6 bits of zeros and end of block, with a restart marker between them.
    let plain = jpeg_of(ColorSpace::JCS_GRAYSCALE, 16, 8, &[128; 128], |jpeg| {
        jpeg.set_color_space(ColorSpace::JCS_GRAYSCALE);
        jpeg.set_optimize_coding(false);
    });
    let (segments, scan) = header_segments(&plain);
    let restarts = segment(0xdd, &[&[0, 1]]);
    let coded = [0x2b, 0xff, 0xd0, 0x2b, 0xff, 0xd9];
    let header = [&[0xff, 0xd8], segments.concat().as_slice(), &restarts].concat();
    let file = [&header, &scan[..10], &coded].concat();
    assert!(DecodedThumbnail::of(&file).quarter_colors() == [[128; 3]; 4], "the file must be valid");
    assert!(is_unchanged(&file));
    let filled = [header.as_slice(), &[0xff; 9], &scan[..10], &coded[..4], &[0xff; 5], &coded[4..]].concat();
    assert!(is_unchanged(&filled));
    // If a segment is removed, the fill bytes before it and stray bytes around it are removed too.
    let private = [b"stray".as_slice(), &[0xff; 3], &segment(0xfe, &[SECRET]), SECRET].concat();
    let file = [&header, &private, &filled[header.len()..]].concat();
    assert!(stripped(&file) == filled);
}

#[test]
fn data_after_the_end_of_an_image_are_removed() {
    let video = [b"\0\0\0\x18ftypmp42".as_slice(), SECRET].concat();
    let preview = with_segment(&jpeg(30, 20), 0xfe, SECRET);
    for (kind, file) in one_of_each() {
        for after in [SECRET, &[0], &video, &preview, &[preview.as_slice(), &video].concat()] {
            assert!(stripped(&[&file, after].concat()) == file, "{kind:?}");
        }
    }
}

#[test]
fn preview_in_jfif_segment_is_removed() {
    let plain = jpeg(60, 40);
    let (segments, _) = header_segments(&plain);
    let [rest @ .., _, _] = segments[0] else { panic!("no JFIF segment") };
    let preview = [&rest[4..], &[7, 1], SECRET].concat();
    assert_eq!(SECRET.len(), 7 * 3, "the preview must have 7 pixels");
    let file = [&plain[..2], &segment(0xe0, &[&preview]), &plain[2 + segments[0].len()..]].concat();
    assert!(stripped(&file) == plain);
}

#[test]
fn orientation_is_the_only_metadata_that_stays() {
    for orientation in 0..=9 {
        let block = exif(orientation.into());
        let minimal = minimal_exif(orientation);
        let turned = (2..=8).contains(&orientation);
        let check = |file: &[u8], plain: &[u8], with_minimal: &[u8]| {
            let expected = if turned { with_minimal } else { plain };
            assert!(stripped(file) == expected, "{:?}, orientation {orientation}", Kind::of(file));
            let thumbnail = |file: &[u8]| media::thumbnail(file).unwrap().jpeg;
            assert!(thumbnail(expected) == thumbnail(file), "{:?}, orientation {orientation}", Kind::of(file));
        };
        let plain = jpeg(60, 40);
        let file = |block: &[u8]| with_segment(&plain, 0xe1, &[b"Exif\0\0", block].concat());
        check(&file(&block), &plain, &file(&minimal));

        let plain = png(60, 40);
        let file = |block: &[u8]| with_chunk(&plain, *b"eXIf", block);
        check(&file(&block), &plain, &file(&minimal));

        let still = &webp(60, 40, &quarters(60, 40), true)[12..];
        let file = |block: &[u8]| extended_webp(0x08, 60, 40, &[still, &riff_chunk(*b"EXIF", block)].concat());
        let plain = extended_webp(0, 60, 40, still);
        check(&file(&block), &plain, &file(&minimal));
        check(&file(&[b"Exif\0\0".as_slice(), &block].concat()), &plain, &file(&minimal));
    }
    // An EXIF block that cannot be parsed has no orientation, and is removed.
    for block in [&b""[..], b"II*\0", b"II*\0\xff\xff\xff\xff", SECRET] {
        assert!(stripped(&with_segment(&jpeg(60, 40), 0xe1, &[b"Exif\0\0", block].concat())) == jpeg(60, 40));
        assert!(stripped(&with_chunk(&png(60, 40), *b"eXIf", block)) == png(60, 40));
    }
}

#[test]
fn png_chunks_are_removed_in_every_position() {
    let mut plain = Vec::new();
    let mut encoder = png::Encoder::new(&mut plain, 60, 40);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&quarters(60, 40)).unwrap();
    writer.write_image_data(&[99; 60 * 40 * 3]).unwrap();
    writer.finish().unwrap();
    // Chunks of colours and sizes affect how the image looks, so they stay.
    for name in [*b"gAMA", *b"cHRM", *b"sRGB", *b"iCCP", *b"cICP", *b"mDCV", *b"cLLI", *b"sBIT", *b"pHYs", *b"bKGD"] {
        plain = with_chunk(&plain, name, &[1; 4]);
    }
    assert!(is_unchanged(&plain));
    let chunk = |name: &[u8; 4], data: &[u8]| with_chunk(&[0; 33], *name, data)[33..].to_vec();
    let text = [b"Comment\0".as_slice(), SECRET].concat();
    let private = [
        chunk(b"tEXt", &text),
        chunk(b"zTXt", &text),
        chunk(b"iTXt", &text),
        chunk(b"tIME", &SECRET[..7]),
        chunk(b"eXIf", &exif(1)),
        chunk(b"caBX", SECRET),
        chunk(b"prVt", SECRET),
        chunk(b"tEXt", b""),
    ];
    let mut at = 8;
    while at < plain.len() {
        at += 12 + u32::from_be_bytes(plain[at..at + 4].try_into().unwrap()) as usize;
        assert!(stripped(&[&plain[..at], &private.concat(), &plain[at..]].concat()) == plain, "at byte {at}");
    }
    // The end chunk should be empty. If it has data, they are removed.
    let end = plain.len() - 12;
    let file = [&plain[..end], &chunk(b"IEND", SECRET)].concat();
    assert!(stripped(&file) == plain);
    // A file with another chunk between two chunks of pixels is refused.
    let first = plain.windows(4).position(|name| name == b"IDAT").unwrap() - 4;
    let file = [&plain[..first], &chunk(b"IDAT", b""), &private[0], &plain[first..]].concat();
    assert_eq!(strip_metadata(&file).unwrap_err(), Refusal::HiddenData);
    // A file with an unknown critical chunk (its name begins with an upper-case letter) is refused.
    assert_eq!(strip_metadata(&with_chunk(&plain, *b"PRVT", SECRET)).unwrap_err(), Refusal::HiddenData);
}

#[test]
fn webp_chunks_are_removed_in_every_position() {
    let private = [
        riff_chunk(*b"XMP ", SECRET),
        riff_chunk(*b"EXIF", &exif(1)),
        riff_chunk(*b"prvt", SECRET),
        riff_chunk(*b"XMP ", &[]),
    ]
    .concat();
    let still = &webp(60, 40, &quarters(60, 40), true)[12..];
    // A frame's header: position, size, duration and flags.
    let header = [&[0; 6], [59, 0, 0, 39, 0, 0].as_slice(), &[100, 0, 0, 0]].concat();
    let frame = |chunks: &[&[u8]]| riff_chunk(*b"ANMF", &[&header, chunks.concat().as_slice()].concat());
    let (profile, timing) = (riff_chunk(*b"ICCP", &[7; 51]), riff_chunk(*b"ANIM", &[0; 6]));
    let kept: [&[u8]; 4] = [&profile, &timing, &frame(&[still]), &frame(&[still])];
    let plain = extended_webp(0x22, 60, 40, &kept.concat());
    assert!(is_unchanged(&plain));
    for position in 0..=kept.len() {
        let (before, after) = kept.split_at(position);
        let chunks = [before.concat(), private.clone(), after.concat()].concat();
        assert!(stripped(&extended_webp(0x2e, 60, 40, &chunks)) == plain, "at chunk {position}");
    }
    for within in [frame(&[still, &private]), frame(&[&private, still])] {
        let chunks = [&profile, &timing, within.as_slice(), kept[3]].concat();
        assert!(stripped(&extended_webp(0x22, 60, 40, &chunks)) == plain);
    }
    // In a file without an extended header, decoders read only the first chunk. All others are removed.
    let simple = riff_chunk(*b"RIFF", &[b"WEBP", still].concat());
    assert!(stripped(&riff_chunk(*b"RIFF", &[b"WEBP", still, &private].concat())) == simple);
}

#[test]
fn gif_extensions_are_removed_in_every_position() {
    let application = |name: &[u8; 11], data: &[u8]| {
        let length = [u8::try_from(data.len()).unwrap()];
        [&[0x21, 0xff, 11], name.as_slice(), &length, data, &[0]].concat()
    };
    let frames = gif(60, 40, &[(0, 0, 60, 40, GREEN), (0, 0, 30, 20, RED)]);
    let header = 13 + if frames[10] & 0x80 == 0 { 0 } else { 3 << ((frames[10] & 7) + 1) };
    let (repetitions, profile) = (application(b"NETSCAPE2.0", &[1, 0, 0]), application(b"ICCRGBG1012", &[7; 200]));
    let plain = [&frames[..header], &repetitions, &profile, &frames[header..]].concat();
    assert!(is_unchanged(&plain));
    let secret = [&[u8::try_from(SECRET.len()).unwrap()], SECRET, &[0]].concat();
    let private = [
        [&[0x21, 0xfe], secret.as_slice()].concat(),
        vec![0x21, 0xfe, 0],
        [&[0x21, 0x01], secret.as_slice()].concat(),
        application(b"XMP DataXMP", SECRET),
        application(b"MGK8BIM0000", SECRET),
    ]
    .concat();
    let second = plain.windows(2).rposition(|pair| pair == [0x21, 0xf9]).unwrap();
    for at in [header, header + repetitions.len(), second, second + 8, plain.len() - 1] {
        assert!(stripped(&[&plain[..at], &private, &plain[at..]].concat()) == plain, "at byte {at}");
    }
    assert!(stripped(&plain[..plain.len() - 1]) == plain, "the missing end marker was not added");
}

#[test]
fn bmp_keeps_headers_palette_pixels_and_embedded_profile() {
    // A V5 header with room for a palette of two colours, and one row of 32 pixels with one bit each.
    let with_profile = |space: &[u8; 4], gap: &[u8], profile: &[u8]| {
        let pixels_at = 14 + 124 + 8 + gap.len();
        let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        let mut header = vec![0; 124];
        for (at, value) in
            [(0, 124), (4, 32), (8, 1), (12, 1 | 1 << 16), (32, 2), (112, pixels_at + 4 - 14), (116, profile.len())]
        {
            header[at..at + 4].copy_from_slice(&number(value));
        }
        header[56..60].copy_from_slice(space);
        let (length, palette) = (number(pixels_at + 4 + profile.len()), [&RED[..], &[0], &GREEN, &[0]].concat());
        [b"BM", &length[..], &[0; 4], &number(pixels_at), &header, &palette, gap, &[0xff, 0, 0xff, 0], profile].concat()
    };
    let embedded = with_profile(b"DEBM", &[], &[7; 60]);
    assert!(is_unchanged(&embedded));
    let shown = DecodedThumbnail::of(&embedded).quarter_colors();
    // A linked profile is the path of another file. The path is removed, and the image is marked as sRGB.
    let linked = stripped(&with_profile(b"KNIL", &[], SECRET));
    assert_eq!((linked.len(), &linked[70..74]), (14 + 124 + 8 + 4, &b"BGRs"[..]));
    assert_eq!(DecodedThumbnail::of(&linked).quarter_colors(), shown);
    let gap = stripped(&with_profile(b"BGRs", SECRET, &[]));
    assert_eq!((gap.len(), DecodedThumbnail::of(&gap).quarter_colors()), (14 + 124 + 8 + SECRET.len() + 4, shown));
    // The four bytes after the file's length are for the program that wrote the file. They are set to zero.
    let plain = bmp(60, 40);
    assert!(stripped(&[&plain[..6], b"home", &plain[10..]].concat()) == plain);
}

#[test]
fn run_length_coded_bmp_ends_at_its_end_marker() {
    let mut header = b"BM\0\0\0\0\0\0\0\0\x3e\0\0\0\x28\0\0\0\x08\0\0\0\x02\0\0\0\x01\0\x08\0\x01\0\0\0".to_vec();
    header.extend([&[0; 12][..], &[2, 0, 0, 0, 0, 0, 0, 0], &RED, &[0], &GREEN, &[0]].concat());
    // A row of 8 equal pixels. Then 3 uncoded pixels with padding, a jump by 5 pixels, and the end marker.
    let pixels = [8, 1, 0, 0, 0, 3, 0, 1, 1, 0, 0, 2, 5, 0, 0, 1];
    let file = [header.as_slice(), &pixels].concat();
    assert!(is_unchanged(&file));
    let cut = stripped(&[&file, SECRET].concat());
    assert!(cut[6..] == file[6..], "only the length in the header may differ");
}
