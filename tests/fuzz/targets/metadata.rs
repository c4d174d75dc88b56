//! Fuzzes the removal of metadata. A stripped image must look the same, and must not change when it is stripped again.
#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use media::{Kind, strip_metadata, thumbnail};

fuzz_target!(|bytes: &[u8]| {
    let Ok(stripped) = strip_metadata(bytes) else { return };
    assert_eq!(Kind::of(&stripped), Kind::of(bytes));
    assert!(stripped.len() <= bytes.len() + 1);
    assert!(matches!(strip_metadata(&stripped), Ok(Cow::Borrowed(_))), "stripping twice changes the file again");
    if let (Cow::Owned(stripped), Ok(before)) = (&stripped, thumbnail(bytes)) {
        let after = thumbnail(stripped).expect("the stripped image cannot be decoded");
        assert_eq!((after.width, after.height), (before.width, before.height));
        // Does not compare JPEGs: libjpeg replaces damaged data by pixels that depend on the number of bytes after the
        // data, and stripping changes this number.
        assert!(Kind::of(bytes) == Kind::Jpeg || after.jpeg == before.jpeg, "the stripped image looks different");
    }
});
