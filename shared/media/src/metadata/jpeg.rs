use std::borrow::Cow;

use super::exif::only_orientation;
use crate::image::jpeg_markers::{APP0, APP1, APP2, APP14, APP15, COM, EOI, EXIF, ICC, SOI, SOS};

/// Removes all application segments except JFIF, colour profiles and Adobe's colour transform; comments; bytes between
/// segments; and everything after the end marker, such as the further images of an MPF file and the video of a Motion
/// Photo. A preview in the JFIF segment is removed, and EXIF is reduced to the orientation.
pub(super) fn strip(file: &[u8]) -> Option<Vec<u8>> {
    let mut rest = file.strip_prefix(&[0xff, SOI])?;
    let mut kept = Vec::with_capacity(file.len());
    kept.extend([0xff, SOI]);
    let (mut in_header, mut exif_found) = (true, false);
    loop {
        let from = memchr::memchr(0xff, rest)?;
        // A marker may begin with any number of 0xff bytes.
        let padding = rest[from..].iter().position(|byte| *byte != 0xff)?;
        let (start, after) = rest[from..].split_at(padding + 1);
        let marker = *start.last()?;
        match marker {
            // Not markers of segments: an escaped 0xff, TEM, and RST0 to RST7. Outside of scans they have no meaning,
            // so they are removed.
            0 | 1 | 0xd0..=0xd7 => {
                rest = after;
                continue;
            }
            EOI => {
                kept.extend(start);
                return Some(kept);
            }
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
        let body = after.get(2..length)?;
        let body = match marker {
            APP0..=APP15 if !in_header => None,
            APP1 if body.starts_with(EXIF) && !exif_found => {
                exif_found = true;
                only_orientation(&body[EXIF.len()..]).map(|block| Cow::Owned([EXIF, &block].concat()))
            }
            APP0..=APP15 => application_data(marker, body),
            COM => None,
            // Segments that determine the pixels, so they are kept: SOF0 to SOF15 with DHT and DAC, SOS, DQT, DNL, DRI,
            // DHP and EXP. 0xc8 is reserved.
            0xc0..=0xc7 | 0xc9..=0xcf | 0xda..=0xdf => Some(Cow::Borrowed(body)),
            // A second SOI, or a reserved marker: the file is refused.
            _ => return None,
        };
        if let Some(body) = body {
            kept.extend(start);
            kept.extend(u16::try_from(body.len() + 2).ok()?.to_be_bytes());
            kept.extend(body.iter());
        }
        rest = &after[length..];
        if marker == SOS {
            in_header = false;
            let (coded, next) = rest.split_at(coded_length(rest)?);
            kept.extend(coded);
            rest = next;
        }
    }
}

/// Returns the part of an application segment that affects how the image looks, or `None` if nothing does.
fn application_data(marker: u8, body: &[u8]) -> Option<Cow<'_, [u8]>> {
    match marker {
        // The last two of the 14 bytes are the width and height of a preview, which follows.
        APP0 if body.starts_with(b"JFIF\0") && body.len() >= 14 => Some(match body {
            [.., 0, 0] if body.len() == 14 => Cow::Borrowed(body),
            _ => Cow::Owned([&body[..12], &[0, 0]].concat()),
        }),
        APP2 if body.starts_with(ICC) => Some(Cow::Borrowed(body)),
        APP14 if body.starts_with(b"Adobe") => body.get(..12).map(Cow::Borrowed),
        _ => None,
    }
}

/// Returns the number of coded bytes at the start of `rest`, up to the next marker that is not a restart marker.
fn coded_length(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr(0xff, &rest[at..])?;
        match rest.get(at + 1)? {
            0 | 1 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return Some(at),
        }
    }
}
