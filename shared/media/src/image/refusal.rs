use thiserror::Error;

/// Why there is no thumbnail. The text is for the person who sent the file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The bytes are no image at all, whatever the file is called.
    #[error("This file is not an image.")]
    NotAnImage,
    /// An image, but of a format or a variant that is not decoded here.
    #[error("Images of this format cannot be shown.")]
    Unsupported,
    /// The declared size is past the limits; nothing was decoded.
    #[error(
        "This image is too large: {width} × {height} pixels, where 50 megapixels and 16 384 pixels a side are allowed."
    )]
    TooLarge {
        /// As the file declares it, in pixels.
        width: u32,
        /// As the file declares it, in pixels.
        height: u32,
    },
    /// The size is allowed, but decoding would take too much memory or time.
    #[error("This image is too complex to be shown.")]
    TooComplex,
    /// Cut short, or its data contradict themselves.
    #[error("This image is damaged or incomplete.")]
    Damaged,
}
