//! Fuzzes `media::thumbnail`. Run it in `shared/media`:
//! `cargo +nightly fuzz run thumbnail -- -max_total_time=300 -rss_limit_mb=1024 -timeout=10`.
//!
//! In production, `thumbnail` catches panics of decoders and refuses the file. Under the fuzzer a panic aborts the run,
//! so the fuzzer reports it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(thumbnail) = media::thumbnail(bytes) {
        assert!((1..=512).contains(&thumbnail.width) && (1..=512).contains(&thumbnail.height));
        assert!(thumbnail.jpeg.starts_with(&[0xff, 0xd8]));
    }
});
