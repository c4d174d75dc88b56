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

#[cfg(test)]
mod tests {
    use super::*;

    const GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

    fn shown_as(bytes: &[u8], claimed: &str) -> Option<&'static str> {
        inspect(bytes, claimed).unwrap().shown_as
    }

    #[test]
    fn the_bytes_decide_how_a_file_is_shown() {
        for claimed in ["image/gif", "image/png", "text/html", "application/octet-stream"] {
            let inspected = inspect(GIF, claimed).unwrap();
            assert_eq!(inspected.shown_as, Some("image/gif"), "{claimed}");
            assert!(inspected.thumbnail.is_some());
        }
        assert_eq!(shown_as(b"%PDF-1.7\n", "text/html"), Some("application/pdf"));
        assert_eq!(shown_as(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video/mp4"), Some("video/mp4"));
        assert_eq!(shown_as(b"ID3\x04\0\0\0\0\0\0", "audio/mpeg"), Some("audio/mpeg"));
        for (bytes, claimed) in [
            (&b"<!DOCTYPE html><script>alert(1)</script>"[..], "video/mp4"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "image/svg+xml"),
            (b"<?xml version='1.0'?><svg/>", "image/svg+xml; charset=utf-8"),
            (b"%!PS-Adobe", "application/pdf"),
            (b"PK\x03\x04", "audio/mpeg"),
            (b"hello", "text/plain"),
            (b"", "application/pdf"),
        ] {
            assert_eq!(shown_as(bytes, claimed), None, "{claimed}");
        }
    }

    #[test]
    fn what_claims_to_be_an_image_has_to_be_one() {
        for claimed in ["image/jpeg", "IMAGE/PNG", "image/heic; x=1", " image/gif"] {
            assert!(inspect(b"<html>", claimed).is_err(), "{claimed}");
            assert!(inspect(&GIF[..20], claimed).is_err(), "{claimed}");
        }
        assert_eq!(shown_as(&GIF[..20], "application/octet-stream"), None);
    }
}
