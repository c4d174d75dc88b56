//! Tests of removing metadata from files that are cut short, corrupted, or made to take much time or memory.

use media::{Refusal, strip_metadata};

use crate::child::{STRIPPED, stripped_within_limits};
use crate::samples::{
    RED, bmp, exif, extended_webp, gif, jpeg, one_of_each, png, progressive_jpeg, quarters, riff_chunk, webp,
    with_chunk, with_segment,
};
use crate::tiff_metadata::{Entry, Writer};

const REFUSED: Refusal = Refusal::HiddenData;

/// Returns files with metadata in every format.
pub(crate) fn with_metadata() -> Vec<(&'static str, Vec<u8>)> {
    let block = [b"Exif\0\0", exif(6).as_slice()].concat();
    let still = &webp(60, 40, &quarters(60, 40), true)[12..];
    let chunks = [still, &riff_chunk(*b"EXIF", &exif(6)), &riff_chunk(*b"XMP ", b"x")].concat();
    let mut tiff = Writer::new(true, 4);
    let place = tiff.directory(&[(1, 2, &[78, 0])]);
    tiff.picture(&[], &[(315, 2, &[65; 20]), (34_853, 4, &[place])]);
    let mut big_tiff = Writer::new(false, 8);
    big_tiff.picture(&[], &[(315, 2, &[65; 20])]);
    big_tiff.picture(&[(254, 4, &[1])], &[]);
    let animation = gif(60, 40, &[(0, 0, 60, 40, RED), (0, 0, 30, 20, RED)]);
    let (frames, end) = animation.split_at(animation.len() - 1);
    vec![
        ("jpeg", with_segment(&with_segment(&jpeg(60, 40), 0xe1, &block), 0xed, b"Photoshop 3.0\0")),
        ("jpeg-progressive", with_segment(&progressive_jpeg(60, 40), 0xe2, b"MPF\0II*\0\x08\0\0\0\0\0")),
        ("png", with_chunk(&with_chunk(&png(60, 40), *b"tEXt", b"Author\0x"), *b"eXIf", &exif(6))),
        ("webp", extended_webp(0x0c, 60, 40, &chunks)),
        ("gif", [frames, b"\x21\xfe\x04here\0\x21\xff\x0bXMP DataXMP\x01x\0", end].concat()),
        ("tiff", tiff.bytes),
        ("tiff-big", big_tiff.bytes),
    ]
}

#[test]
fn files_cut_at_any_length_are_refused_or_have_no_metadata() {
    for (name, file) in with_metadata().into_iter().chain(one_of_each().into_iter().map(|(_, file)| ("clean", file))) {
        for length in 0..file.len() {
            match strip_metadata(&file[..length]) {
                Ok(stripped) => {
                    let again = strip_metadata(&stripped).unwrap();
                    assert!(*again == *stripped, "{name} cut to {length} of {}", file.len());
                }
                Err(refusal) => assert!(refusal == REFUSED || length < 20, "{name} cut to {length}: {refusal}"),
            }
        }
        // The first half of a file must be refused: the file ends within its pixels, so the rest of its structure
        // cannot be checked.
        let half = strip_metadata(&file[..file.len() / 2]);
        assert!(half.is_err(), "{name}");
    }
}

#[test]
fn any_changed_byte_is_handled() {
    for (name, file) in with_metadata() {
        for at in 0..file.len().min(2000) {
            for value in [0, 1, 0x7f, 0xff, file[at] ^ 1] {
                let mut file = file.clone();
                file[at] = value;
                // Both a stripped file and a refusal are correct, but a second strip must not change the stripped file.
                if let Ok(stripped) = strip_metadata(&file) {
                    assert!(stripped.len() <= file.len() + 1, "{name}, byte {at} is {value}");
                    assert!(*strip_metadata(&stripped).unwrap() == *stripped, "{name}, byte {at} is {value}");
                }
            }
        }
    }
}

#[test]
fn invalid_lengths_are_refused() {
    let plain = jpeg(60, 40);
    for marker in [0xe0, 0xe1, 0xe2, 0xed, 0xee, 0xfe] {
        for length in [[0, 0], [0, 1], [0xff, 0xff]] {
            let file = [&plain[..2], &[0xff, marker], &length, &plain[2..]].concat();
            assert_eq!(strip_metadata(&file).unwrap_err(), REFUSED, "segment {marker:x} of {length:?}");
        }
        let empty = with_segment(&plain, marker, &[]);
        assert!(*strip_metadata(&empty).unwrap() == *plain, "segment {marker:x}");
    }
    // Markers that a valid JPEG does not have: a second start marker, and reserved markers.
    for marker in [0xd8, 0x02, 0xbf, 0xc8, 0xf0] {
        assert_eq!(strip_metadata(&with_segment(&plain, marker, &[0; 10])).unwrap_err(), REFUSED, "{marker:x}");
    }
    for name in [*b"tEXt", *b"eXIf", *b"IDAT"] {
        for length in [u32::MAX, 1 << 31, 1_000_000] {
            let mut file = with_chunk(&png(60, 40), name, b"x");
            file[33..37].copy_from_slice(&length.to_be_bytes());
            assert_eq!(strip_metadata(&file).unwrap_err(), REFUSED);
        }
    }
    for length in [u32::MAX, u32::MAX - 7, 1_000_000] {
        let still = &webp(60, 40, &quarters(60, 40), true)[12..];
        let cut = [b"XMP ".as_slice(), &length.to_le_bytes(), b"x"].concat();
        let file = extended_webp(0x04, 60, 40, &[still, &cut].concat());
        assert_eq!(strip_metadata(&file).unwrap_err(), REFUSED, "chunk of {length}");
        let frame = riff_chunk(*b"ANMF", &[&[0; 16], cut.as_slice()].concat());
        assert_eq!(strip_metadata(&extended_webp(0x02, 60, 40, &frame)).unwrap_err(), REFUSED, "in a frame");
        let mut file = extended_webp(0, 60, 40, still);
        file[4..8].copy_from_slice(&length.to_le_bytes());
        assert_eq!(strip_metadata(&file).unwrap_err(), REFUSED, "file of {length}");
    }
    assert_eq!(strip_metadata(&extended_webp(0, 60, 40, &riff_chunk(*b"ANMF", &[0; 15]))).unwrap_err(), REFUSED);
}

#[test]
fn bitmaps_without_pixels_are_refused() {
    let plain = bmp(60, 40);
    // Invalid values of the width, the height, the position of the pixels (within the header, beyond the end of the
    // file) and the compression.
    for (at, value) in [(18, 0_u32), (22, 0), (10, 20), (10, u32::MAX), (30, 9)] {
        let mut file = plain.clone();
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
        assert_eq!(strip_metadata(&file).unwrap_err(), REFUSED, "{value} at byte {at}");
    }
}

#[test]
fn loops_and_huge_counts_in_tiffs_are_refused() {
    for (big_endian, word) in [(false, 4), (true, 4), (false, 8), (true, 8)] {
        let mut tiff = Writer::new(big_endian, word);
        tiff.picture(&[], &[]);
        let header = if word == 8 { 16 } else { 8 };
        let first = tiff.bytes[header - word..header].to_vec();
        // The first page names itself as the next page.
        let mut looping = tiff.bytes.clone();
        let end = looping.len();
        looping[end - word..].copy_from_slice(&first);
        assert_eq!(stripped_within_limits("TIFF, a loop of pages", &looping), REFUSED.to_string());
        // The number 2^32 - 1, or 2^64 - 1 in a BigTIFF, as the length of each value, as a directory's number of
        // entries, and as the position of a directory.
        let huge = vec![0xff; word];
        let start = tiff.bytes.len() - word - 10 * (4 + 2 * word);
        for at in (start..tiff.bytes.len() - word).step_by(4 + 2 * word) {
            let mut file = tiff.bytes.clone();
            file[at + 4..at + 4 + word].copy_from_slice(&huge);
            assert_eq!(strip_metadata(&file).unwrap_err(), REFUSED, "the entry at byte {at}");
        }
        for at in [header - word, start - if word == 8 { 8 } else { 2 }, tiff.bytes.len() - word] {
            let mut file = tiff.bytes.clone();
            let length = if word == 4 && at == start - 2 { 2 } else { word };
            file[at..at + length].fill(0xff);
            assert_eq!(strip_metadata(&file).unwrap_err(), REFUSED, "the offset at byte {at}");
        }
    }
}

#[test]
fn tiffs_with_overlapping_structures_stay_within_limits() {
    // As many pages as fit into the largest upload. All have the same pixels: byte 8 of the file.
    let mut file = b"II*\0\x0a\0\0\0\x07\0".to_vec();
    let entry = |tag: u16, number: u32| [&tag.to_le_bytes()[..], &[4, 0, 1, 0, 0, 0], &number.to_le_bytes()].concat();
    let page = [&[2, 0], entry(273, 8).as_slice(), &entry(279, 1)].concat();
    for next in (40..25 << 20).step_by(30) {
        file.extend([page.as_slice(), &u32::to_le_bytes(next)].concat());
    }
    let end = file.len();
    file[end - 4..].fill(0);
    assert_eq!(stripped_within_limits("TIFF, 870,000 pages", &file), STRIPPED);
    // Directories that overlap: each has 2,000 entries and begins 12 bytes after the one before it.
    let mut tiff = Writer::new(false, 4);
    tiff.data(&[0; 2]);
    let body = [&[0xd0, 0x07, 0, 0], [0; 8].as_slice()].concat().repeat(100_000);
    tiff.data(&body);
    for (index, at) in (10..600_000_u32).step_by(12).enumerate() {
        let next = 10 + 2 + 2000 * 12 + 12 * index;
        tiff.bytes[next..next + 4].copy_from_slice(&(at + 12).to_le_bytes());
    }
    tiff.bytes[4..8].copy_from_slice(&10_u32.to_le_bytes());
    assert_eq!(stripped_within_limits("TIFF, overlapping directories", &tiff.bytes), REFUSED.to_string());

    // A page with a million blocks of pixels, which all cover the same 1,000,000 bytes: uncompressed (1) and as JPEG
    // (7).
    for compression in [1, 7] {
        let mut tiff = Writer::new(false, 4);
        let pixels = tiff.data(&progressive_jpeg(2000, 1000).repeat(20));
        let (offsets, lengths) = (vec![pixels; 1_000_000], vec![1_000_000; 1_000_000]);
        let entries: [Entry<'_>; 3] = [(259, 3, &[compression]), (273, 4, &offsets), (279, 4, &lengths)];
        tiff.page(&entries);
        let outcome =
            stripped_within_limits(&format!("TIFF, a million strips, compression {compression}"), &tiff.bytes);
        assert_eq!(outcome == STRIPPED, compression == 1);
    }
    // As many blocks of pixels as fit into the largest upload.
    let mut tiff = Writer::new(true, 4);
    let pixels = tiff.data(&[0; 8]);
    let (offsets, lengths) = (vec![pixels; 4_300_000], vec![1; 4_300_000]);
    tiff.page(&[(273, 4, &offsets), (279, 3, &lengths)]);
    tiff.bytes.truncate(25 << 20);
    assert_eq!(stripped_within_limits("TIFF, 4.3 million strips", &tiff.bytes), STRIPPED);
}

#[test]
fn many_small_parts_stay_within_limits() {
    let plain = jpeg(60, 40);
    for (name, part) in [("empty comments", [0xff, 0xfe, 0, 2]), ("empty EXIF", [0xff, 0xe1, 0, 2])] {
        let file = [&plain[..2], &part.repeat(6_000_000), &plain[2..]].concat();
        assert_eq!(stripped_within_limits(&format!("JPEG, 6 million {name}"), &file), STRIPPED);
    }
    let file = [&plain[..2], &[0xff].repeat(25_000_000), &plain[2..]].concat();
    assert_eq!(stripped_within_limits("JPEG, 25 MB of padding", &file), STRIPPED);
    // The first segment, JFIF, has 18 bytes.
    let file = [&plain[..20], &[0].repeat(25_000_000), &plain[20..]].concat();
    assert_eq!(stripped_within_limits("JPEG, 25 MB between segments", &file), STRIPPED);

    let plain = png(60, 40);
    let empty = &with_chunk(&plain, *b"tEXt", &[])[33..45];
    let file = [&plain[..33], &empty.repeat(2_000_000), &plain[33..]].concat();
    assert_eq!(stripped_within_limits("PNG, 2 million empty texts", &file), STRIPPED);

    let still = &webp(60, 40, &quarters(60, 40), true)[12..];
    let chunks = [still, &riff_chunk(*b"XMP ", &[]).repeat(3_000_000)].concat();
    assert_eq!(stripped_within_limits("WebP, 3 million empty XMP", &extended_webp(0x04, 60, 40, &chunks)), STRIPPED);
    let frame = [&[0; 16], riff_chunk(*b"ALPH", &[]).repeat(3_000_000).as_slice(), b"junk\0\0\0\0"].concat();
    let file = extended_webp(0x02, 60, 40, &riff_chunk(*b"ANMF", &frame));
    assert_eq!(stripped_within_limits("WebP, a frame of 3 million chunks", &file), STRIPPED);

    let plain = gif(60, 40, &[(0, 0, 60, 40, RED)]);
    let header = 13 + if plain[10] & 0x80 == 0 { 0 } else { 3 << ((plain[10] & 7) + 1) };
    let file = [&plain[..header], &[0x21, 0xfe, 1, b'a', 0].repeat(5_000_000), &plain[header..]].concat();
    assert_eq!(stripped_within_limits("GIF, 5 million comments", &file), STRIPPED);
}

#[test]
fn files_that_are_not_images_are_refused() {
    assert_eq!(strip_metadata(b"").unwrap_err(), Refusal::NotAnImage);
    assert_eq!(strip_metadata(b"%PDF-1.7").unwrap_err(), Refusal::NotAnImage);
    assert_eq!(strip_metadata(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").unwrap_err(), Refusal::Unsupported);
    let text = REFUSED.to_string();
    assert!(text.contains("hidden data") && text.contains("Save it as a new JPEG or PNG"), "{text}");
}
