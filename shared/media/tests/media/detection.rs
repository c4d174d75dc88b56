//! Tests that a file's type is detected by its bytes.

use media::{Kind, inspect};

const GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

fn shown_as(bytes: &[u8], claimed: &str) -> Option<&'static str> {
    inspect(bytes, claimed).unwrap().shown_as
}

#[test]
fn bytes_determine_displayed_type() {
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
fn undecodable_file_is_refused_only_if_claimed_to_be_image() {
    for claimed in ["image/jpeg", "IMAGE/PNG", "image/heic; x=1", " image/gif"] {
        assert!(inspect(b"<html>", claimed).is_err(), "{claimed}");
        assert!(inspect(&GIF[..20], claimed).is_err(), "{claimed}");
    }
    assert_eq!(shown_as(&GIF[..20], "application/octet-stream"), None);
}

#[test]
fn heif_formats_are_detected_by_their_brands() {
    assert_eq!(Kind::of(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), Kind::Heic);
    assert_eq!(Kind::of(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif"), Kind::Avif);
    assert_eq!(Kind::of(b"\0\0\0\x18ftypisom\0\0\0\0mp41avc1"), Kind::Other, "a video");
    assert_eq!(Kind::of(b"\0\0\0\x10ftypmif1\0\0\0\0avif"), Kind::Other, "the brand is past the end of the box");
    assert_eq!(Kind::of(b"\0\0\0\0ftyp"), Kind::Other);
}

#[test]
fn text_that_begins_with_bm_is_not_a_bitmap() {
    assert_eq!(Kind::of(b"BMW is a maker of cars and motorcycles"), Kind::Other);
}
