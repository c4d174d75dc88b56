use image::metadata::Orientation;

/// Returns an EXIF block (without the prefix `Exif`) that has only the orientation of `block`. Returns `None` if
/// `block` has no orientation, or if the orientation is 1, which means that the image is upright.
///
/// For a block that this function has returned, it returns the same block again. So a second strip changes nothing.
pub(super) fn only_orientation(block: &[u8]) -> Option<Vec<u8>> {
    let orientation = Orientation::from_exif_chunk(block).filter(|found| *found != Orientation::NoTransforms)?;
    // A little-endian TIFF header, a directory at byte 8, and in it one entry: tag 0x0112 with one 16-bit number.
    let mut minimal = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    minimal.extend([orientation.to_exif(), 0, 0, 0]);
    minimal.extend([0; 4]);
    Some(minimal)
}
