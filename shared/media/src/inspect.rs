use infer::MatcherType;

use crate::image::{Kind, Refusal, Thumbnail, thumbnail};

/// Result of [`inspect`]: how to serve a file, and its thumbnail.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// The media type to serve the file as, if browsers may display it. `None` means: serve the file as a download
    /// only.
    pub shown_as: Option<&'static str>,
    /// The thumbnail, if the file is an image.
    pub thumbnail: Option<Thumbnail>,
}

/// Inspects a file by its bytes and makes a thumbnail if the file is an image.
///
/// Browsers may display decodable images, audio, video and PDF. Any other file is a download, because a browser could
/// interpret it as something dangerous, such as HTML. The `claimed` media type affects only one case: bytes that cannot
/// be decoded as an image are refused if they are claimed to be an image. Without that claim, the same bytes (a raw
/// photo, for example) are an ordinary file.
pub fn inspect(bytes: &[u8], claimed: &str) -> Result<Inspected, Refusal> {
    match thumbnail(bytes) {
        Ok(thumbnail) => Ok(Inspected { shown_as: Kind::of(bytes).media_type(), thumbnail: Some(thumbnail) }),
        Err(refusal) if claims_image(claimed) => Err(refusal),
        Err(_) => {
            let displayable = |kind: &infer::Type| {
                matches!(kind.matcher_type(), MatcherType::Audio | MatcherType::Video)
                    || kind.mime_type() == "application/pdf"
            };
            Ok(Inspected {
                shown_as: infer::get(bytes).filter(displayable).map(|kind| kind.mime_type()),
                thumbnail: None,
            })
        }
    }
}

/// Returns whether a media type is an image type. SVG does not count: it is a document that can contain scripts.
fn claims_image(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("image/") && essence != "image/svg+xml"
}
