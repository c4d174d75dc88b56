//! Tests with files that are cut short, corrupted, or carry a large amount of unused data.

use media::{Kind, Refusal, thumbnail};

use crate::child::{MADE, thumbnail_within_limits};
use crate::hostile_metadata;
use crate::samples::{
    DecodedThumbnail, RED, exif, extended_webp, gif, jpeg, one_of_each, png, quarters, riff_chunk, webp, with_chunk,
    with_segment,
};

#[test]
#[ignore = "writes the seed files of the fuzzer to tests/fuzz/seeds"]
fn write_fuzzing_seeds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/seeds/images");
    std::fs::create_dir_all(folder).unwrap();
    let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let block = [b"Exif\0\0", exif(6).as_slice()].concat();
    let with_metadata = with_segment(
        &with_segment(&jpeg(90, 70), 0xe2, &[b"ICC_PROFILE\0\x01\x01", profile.as_slice()].concat()),
        0xe1,
        &block,
    );
    for (index, (kind, file)) in one_of_each().into_iter().chain([(Kind::Jpeg, with_metadata)]).enumerate() {
        std::fs::write(format!("{folder}/{kind:?}-{index}").to_lowercase(), file).unwrap();
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/seeds/metadata");
    std::fs::create_dir_all(folder).unwrap();
    for (name, file) in hostile_metadata::with_metadata() {
        std::fs::write(format!("{folder}/{name}"), file).unwrap();
    }
}

#[test]
fn files_cut_at_any_length_are_refused() {
    for (kind, file) in one_of_each() {
        for length in 0..file.len() {
            let outcome = thumbnail(&file[..length]);
            // The last 30 bytes may be only a trailer, which decoders do not need, so a cut there may still give a
            // thumbnail.
            assert!(outcome.is_err() || length + 30 > file.len(), "{kind:?} cut to {length} of {}", file.len());
        }
        assert_eq!(thumbnail(&file[..file.len() / 2]).unwrap_err(), Refusal::Damaged, "{kind:?}");
    }
}

#[test]
fn any_changed_byte_is_handled() {
    for (_, file) in one_of_each() {
        for at in 0..file.len().min(2000) {
            for value in [0, 0x7f, 0xff, file[at] ^ 1] {
                let mut file = file.clone();
                file[at] = value;
                // Both a thumbnail and a refusal are correct, but the decoder must not crash or hang.
                let _ = thumbnail(&file);
            }
        }
    }
}

#[test]
fn random_bytes_after_a_valid_signature_are_refused() {
    let mut seed = 1u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed.to_be_bytes()[0]
    };
    for (_, file) in one_of_each() {
        for signature in [0, 2, 8, 16, 30] {
            for length in [0, 1, 100, 5000] {
                let noise: Vec<u8> = (0..length).map(|_| random()).collect();
                assert!(thumbnail(&[&file[..signature], &noise].concat()).is_err());
            }
        }
    }
}

#[test]
fn files_that_combine_two_formats_are_handled_by_their_first_bytes() {
    // An image followed by HTML is an image. HTML followed by an image is not.
    let html = b"<html><script>alert(1)</script>";
    for (kind, file) in one_of_each() {
        let decoded = DecodedThumbnail::of(&[&file, html.as_slice()].concat());
        assert_eq!((decoded.width, decoded.height), (90, 70), "{kind:?}");
        assert_eq!(thumbnail(&[html.as_slice(), &file].concat()).unwrap_err(), Refusal::NotAnImage);
    }
    // Files with the start of one format and the content of another. The decoder must not crash or hang.
    let files = one_of_each();
    for (_, head) in &files {
        for (_, tail) in &files {
            let both = [&head[..12], &tail[12..]].concat();
            if both != *head {
                let _ = thumbnail(&both);
            }
            let _ = thumbnail(&[&head[..12], tail].concat());
        }
    }
    // A script that begins like a GIF is refused. A JPEG with HTML in its comment segment is an image.
    assert!(thumbnail(b"GIF89a=1;alert(1)//").is_err());
    DecodedThumbnail::of(&with_segment(&jpeg(60, 40), 0xfe, html));
}

#[test]
fn pixels_beyond_the_end_of_a_webp_are_not_read() {
    // The file declares that it ends 60 bytes earlier. libwebp would read these bytes all the same.
    let mut file = webp(90, 70, &quarters(90, 70), false);
    let chunk = u32::try_from(file.len() - 20 - 60).unwrap();
    file[4..8].copy_from_slice(&(chunk + 12).to_le_bytes());
    file[16..20].copy_from_slice(&chunk.to_le_bytes());
    assert_eq!(thumbnail(&file).unwrap_err(), Refusal::Damaged);
}

#[test]
fn twenty_megabytes_of_metadata_stay_within_limits() {
    let file = jpeg(60, 40);
    for marker in [0xe1, 0xe2, 0xfe] {
        let begin: &[u8] = if marker == 0xe2 { b"ICC_PROFILE\0\x01\x01" } else { b"Exif\0\0II*\0" };
        let segment = &with_segment(&file, marker, &[begin, &vec![0x55; 65_000]].concat())[2..][..begin.len() + 65_004];
        let file = [&file[..2], &segment.repeat(300), &file[2..]].concat();
        assert_eq!(thumbnail_within_limits("JPEG, 20 MB of segments", &file), MADE);
    }
    // Colour profiles of the largest possible size. In a JPEG, a profile has at most 255 parts.
    let mut file = file;
    for part in (1..=255).rev() {
        file = with_segment(&file, 0xe2, &[b"ICC_PROFILE\0", [part, 255].as_slice(), &vec![0x55; 65_000]].concat());
    }
    assert_eq!(thumbnail_within_limits("JPEG, profile of 16 MB", &file), MADE);
    let profile = riff_chunk(*b"ICCP", &vec![0x55; 24 << 20]);
    let still = webp(60, 40, &quarters(60, 40), true);
    let file = extended_webp(0x20, 60, 40, &[&profile, &still[12..]].concat());
    assert_eq!(thumbnail_within_limits("WebP, profile of 24 MiB", &file), MADE);
    let file = extended_webp(
        0x0c,
        60,
        40,
        &[&still[12..], &riff_chunk(*b"EXIF", &vec![0x55; 12 << 20]), &riff_chunk(*b"XMP ", &vec![0x55; 12 << 20])]
            .concat(),
    );
    assert_eq!(thumbnail_within_limits("WebP, EXIF and XMP of 24 MiB", &file), MADE);
}

#[test]
fn decompression_bombs_in_metadata_stay_within_limits() {
    // The compressed data have half a megabyte and expand to 500 MiB of zeros.
    let bomb = deflated_zeros(500 << 20);
    for (name, head) in
        [(*b"iCCP", b"profile\0\0".as_slice()), (*b"zTXt", b"Comment\0\0"), (*b"iTXt", b"Comment\0\x01\0\0\0")]
    {
        let file = with_chunk(&png(60, 40), name, &[head, &bomb].concat());
        let outcome = thumbnail_within_limits(&format!("PNG, {} bomb", String::from_utf8_lossy(&name)), &file);
        assert!(name == *b"iCCP" || outcome == MADE, "{outcome}");
    }
    let file = with_chunk(&png(60, 40), *b"eXIf", &[exif(6), vec![0; 24 << 20]].concat());
    thumbnail_within_limits("PNG, EXIF of 24 MiB", &file);
    let file = with_chunk(&png(60, 40), *b"tEXt", &vec![b'a'; 24 << 20]);
    assert_eq!(thumbnail_within_limits("PNG, text of 24 MiB", &file), MADE);
}

#[test]
fn millions_of_empty_chunks_stay_within_limits() {
    let empty_chunk = &with_chunk(&png(60, 40), *b"teSt", &[])[33..45];
    let file = png(60, 40);
    let file = [&file[..33], &empty_chunk.repeat(2_000_000), &file[33..]].concat();
    assert_eq!(thumbnail_within_limits("PNG, 2 million empty chunks", &file), MADE);

    let file = gif(60, 40, &[(0, 0, 60, 40, RED)]);
    let header = 13 + if file[10] & 0x80 == 0 { 0 } else { 3 << ((file[10] & 7) + 1) };
    let file = [&file[..header], &[0x21, 0xfe, 1, b'a', 0].repeat(5_000_000), &file[header..]].concat();
    thumbnail_within_limits("GIF, 5 million comments", &file);

    let still = webp(60, 40, &quarters(60, 40), true);
    let chunks = [&riff_chunk(*b"teSt", &[]).repeat(3_000_000), &still[12..]].concat();
    thumbnail_within_limits("WebP, 3 million empty chunks", &extended_webp(0, 60, 40, &chunks));

    let file = jpeg(60, 40);
    let file = [&file[..2], &[0xff, 0xfe, 0, 2].repeat(6_000_000), &file[2..]].concat();
    assert_eq!(thumbnail_within_limits("JPEG, 6 million empty comments", &file), MADE);
    let file = [&jpeg(60, 40)[..2], &[0xff].repeat(25_000_000)].concat();
    thumbnail_within_limits("JPEG, 25 MB of padding", &file);
}

/// Returns a zlib stream that expands to `length` zero bytes: the compressed pixels of a PNG.
fn deflated_zeros(length: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    // The PNG has a single row. The encoder adds one byte, the row's filter type.
    let mut encoder = png::Encoder::new(&mut bytes, length - 1, 1);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&vec![0; length as usize - 1]).unwrap();
    writer.finish().unwrap();

    let mut stream = Vec::new();
    let mut rest = &bytes[33..];
    while let [a, b, c, d, b'I', b'D', b'A', b'T', after @ ..] = rest {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        stream.extend(&after[..length]);
        rest = &after[length + 4..];
    }
    stream
}
