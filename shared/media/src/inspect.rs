use infer::MatcherType;

use crate::image::{Kind, Refusal, Thumbnail, thumbnail};

/// What a file turned out to be.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// The media type to show it as; none for what is only to be downloaded.
    pub shown_as: Option<&'static str>,
    /// The thumbnail of an image.
    pub thumbnail: Option<Thumbnail>,
}

/// Looks at a file, as its bytes tell and not as it is `claimed` to be. Shown are images that could be decoded, audio,
/// video and PDF; of all else nobody knows what a browser would make. The claim decides one thing: what is said to be
/// an image and cannot be decoded is refused, while another file of such bytes (a raw photo, say) is simply a file.
pub fn inspect(bytes: &[u8], claimed: &str) -> Result<Inspected, Refusal> {
    match thumbnail(bytes) {
        Ok(thumbnail) => Ok(Inspected { shown_as: Kind::of(bytes).media_type(), thumbnail: Some(thumbnail) }),
        Err(refusal) if claims_image(claimed) => Err(refusal),
        Err(_) => {
            let shown = |kind: &infer::Type| {
                matches!(kind.matcher_type(), MatcherType::Audio | MatcherType::Video)
                    || kind.mime_type() == "application/pdf"
            };
            Ok(Inspected { shown_as: infer::get(bytes).filter(shown).map(|kind| kind.mime_type()), thumbnail: None })
        }
    }
}

/// Whether a media type is that of an image; SVG is a document, with scripts and all.
fn claims_image(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("image/") && essence != "image/svg+xml"
}
