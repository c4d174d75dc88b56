use thiserror::Error;

/// Reason why a file has no thumbnail or cannot be published. The texts are shown to the person who sent the file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The bytes are not an image in a known format, regardless of the file's name or claimed type.
    #[error("This file is not an image in a known format. Send the image as JPEG or PNG.")]
    NotAnImage,
    /// The image has a format, or a variant of a format, that this crate does not decode.
    #[error("This image format is not supported. Send the image as JPEG or PNG.")]
    Unsupported,
    /// The declared size exceeds the limits, so the image was not decoded.
    #[error(
        "This image is too large: {width} × {height} pixels. The limits are 50 megapixels and 16,384 pixels per side. \
         Send a smaller version."
    )]
    TooLarge {
        /// The declared width in pixels.
        width: u32,
        /// The declared height in pixels.
        height: u32,
    },
    /// The size is allowed, but decoding would take too much memory or time.
    #[error("This image takes too much memory or time to process. Send a smaller version.")]
    TooComplex,
    /// The file is cut short, or its data are inconsistent.
    #[error("This image is damaged or incomplete. Check that it opens on your device, then send it again.")]
    Damaged,
    /// Private metadata, such as the place where a photo was taken, cannot be removed without changing the image.
    #[error(
        "This image may contain hidden data, such as the place where it was taken, that cannot be removed. Save it as a \
         new JPEG or PNG, then send that."
    )]
    HiddenData,
}
