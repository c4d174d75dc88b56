//! Contents of the files that tests upload, each about as small as its format allows.

use e2e::{jpeg, png};

pub(crate) const HTML: &[u8] = b"<!DOCTYPE html><html><body><script>alert(document.domain)</script></body></html>";
pub(crate) const SVG: &[u8] =
    b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><script>alert(1)</script></svg>";
pub(crate) const TEXT: &[u8] = b"Milk, eggs and bread.\n";

/// Returns pseudorandom bytes that are not a valid file of any type.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let step = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(state.to_be_bytes()[0])
    };
    (0..length).scan(7, |state, _| step(state)).collect()
}

/// Returns HTML of exactly `length` bytes.
pub(crate) fn html_of(length: usize) -> Vec<u8> {
    let mut html = HTML.to_vec();
    html.resize(length, b' ');
    html
}

/// Returns a PNG signature followed by HTML, which a browser could run if it were served as HTML.
pub(crate) fn polyglot() -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n", HTML].concat()
}

/// Returns a PNG whose header declares 3.6 billion pixels, but which has no pixel data.
pub(crate) fn bomb() -> Vec<u8> {
    // The last four bytes are the checksum of this header. It is correct, so that a decoder accepts the header.
    let header = b"\x00\x00\x00\x0dIHDR\x00\x00\xea\x60\x00\x00\xea\x60\x08\x02\x00\x00\x00\x0f\xb0\xe2\x15";
    let end = b"\x00\x00\x00\x00IEND\xae\x42\x60\x82";
    [&b"\x89PNG\r\n\x1a\n"[..], header, end].concat()
}

/// Returns an image of each supported type: its name, actual media type and bytes.
pub(crate) fn images() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    vec![
        ("a.jpg", "image/jpeg", jpeg(16, 16)),
        ("a.png", "image/png", png(16, 16)),
        ("a.gif", "image/gif", gif()),
        ("a.webp", "image/webp", webp()),
        ("a.bmp", "image/bmp", bmp()),
        ("a.tif", "image/tiff", tiff()),
    ]
}

fn gif() -> Vec<u8> {
    let screen = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00";
    let image = b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";
    [&screen[..], image].concat()
}

fn webp() -> Vec<u8> {
    let lossless = b"\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00";
    [b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00", &lossless[..]].concat()
}

fn bmp() -> Vec<u8> {
    let numbers = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    // File header of a BMP: file size, reserved, offset of the pixels. Image header: header size, width, height, one
    // plane with 24 bits per pixel, no compression, 4 bytes of pixel data, and zeros.
    [b"BM", &*numbers(&[58, 0, 54, 40, 1, 1, 24 << 16 | 1, 0, 4, 0, 0, 0, 0]), &[9, 99, 199, 0]].concat()
}

fn tiff() -> Vec<u8> {
    // Tag and 32-bit value of each entry of the TIFF directory. The entries describe one gray pixel of eight bits,
    // which follows the directory.
    let entries: [(u16, u32); 9] =
        [(256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 122), (277, 1), (278, 1), (279, 1)];
    let mut bytes = b"II\x2a\x00\x08\x00\x00\x00\x09\x00".to_vec();
    for (tag, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend([4, 0, 1, 0, 0, 0]);
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0, 0, 0, 0, 128]);
    bytes
}

/// Returns files other than images that browsers may show inline: name, prefix of the actual media type, and bytes.
pub(crate) fn media() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let wave = b"RIFF\x26\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x44\xac\x00\x00\x88\x58\x01\x00\x02\x00\x10\x00data\x02\x00\x00\x00\x00\x00";
    let mp3 = b"ID3\x04\x00\x00\x00\x00\x00\x00\xff\xfb\x90\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    let mp4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2\x00\x00\x00\x08mdat";
    let webm = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm\x42\x87\x81\x04\x42\x85\x81\x02";
    let pdf =
        b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n";
    vec![
        ("a.wav", "audio/", wave.to_vec()),
        ("a.mp3", "audio/", mp3.to_vec()),
        ("a.mp4", "video/", mp4.to_vec()),
        // The zeros make the file long enough to be detected as WebM.
        ("a.webm", "video/", [&webm[..], &[0; 300]].concat()),
        ("a.pdf", "application/pdf", pdf.to_vec()),
    ]
}

/// Returns files that browsers must not show inline: name, claimed media type, and bytes.
pub(crate) fn downloads() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let zip = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    let xhtml = b"<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\"><script>1</script></html>";
    vec![
        ("a.txt", "text/plain; charset=utf-8", TEXT.to_vec()),
        ("a.txt", "text/plain", HTML.to_vec()),
        ("a.html", "text/html", HTML.to_vec()),
        ("a.pdf", "application/pdf", HTML.to_vec()),
        ("a.mp4", "video/mp4", HTML.to_vec()),
        ("a.mp3", "audio/mpeg", SVG.to_vec()),
        ("a.svg", "image/svg+xml", SVG.to_vec()),
        ("a.svg", "IMAGE/SVG+XML", SVG.to_vec()),
        ("a.svg", "image/svg+xml", HTML.to_vec()),
        ("a.xhtml", "application/xhtml+xml", xhtml.to_vec()),
        ("a.js", "text/javascript", b"alert(1)".to_vec()),
        ("a.zip", "application/zip", zip),
        ("a.bin", "application/octet-stream", noise(100)),
        ("a", "x/y", vec![0]),
    ]
}
