//! Fuzzes the detection of file types and the thumbnails of images.
//!
//! In production, `media::inspect` catches panics of decoders and refuses the file. Under the fuzzer a panic ends the
//! run, so the fuzzer reports it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(media::Inspected { thumbnail: Some(thumbnail), shown_as }) = media::inspect(bytes, "image/jpeg") {
        assert!(shown_as.is_some_and(|media_type| media_type.starts_with("image/")));
        assert!((1..=1024).contains(&thumbnail.width) && (1..=1024).contains(&thumbnail.height));
        assert!(thumbnail.jpeg.starts_with(&[0xff, 0xd8]));
    }
});
