//! Reads the segments of a JPEG file that determine how it is decoded.

use super::Refusal;

const SOF2: u8 = 0xc2;
pub(crate) const SOI: u8 = 0xd8;
pub(crate) const EOI: u8 = 0xd9;
pub(crate) const SOS: u8 = 0xda;
pub(crate) const APP0: u8 = 0xe0;
pub(crate) const APP1: u8 = 0xe1;
pub(crate) const APP2: u8 = 0xe2;
pub(crate) const APP14: u8 = 0xee;
pub(crate) const APP15: u8 = 0xef;
pub(crate) const COM: u8 = 0xfe;

/// Start of an APP1 segment with EXIF.
pub(crate) const EXIF: &[u8] = b"Exif\0\0";
/// Start of an APP2 segment with a part of the colour profile.
pub(crate) const ICC: &[u8] = b"ICC_PROFILE\0";

/// Data from the segments of a JPEG before its first scan.
pub(super) struct Markers<'a> {
    /// Declared width in pixels.
    pub(super) width: u32,
    /// Declared height in pixels.
    pub(super) height: u32,
    /// Colour components: 1 for gray, 3 for colour, 4 for CMYK.
    pub(super) components: u8,
    /// Whether the file has an Adobe segment. Adobe stores CMYK inverted: 255 is no ink.
    pub(super) adobe: bool,
    /// The EXIF block, without its `Exif` prefix; `None` if the file has none.
    pub(super) exif: Option<&'a [u8]>,
    progressive: bool,
    /// For each colour component: its ID, its sampling factors (horizontal and vertical, 4 bits each), its quantization
    /// table.
    sampling: &'a [[u8; 3]],
    /// Parts of the ICC colour profile. Each consists of the part's number, the number of parts, and data.
    icc: Vec<&'a [u8]>,
    /// The bytes after the frame header: tables and scans.
    rest: &'a [u8],
}

impl<'a> Markers<'a> {
    /// Reads the segments up to the first scan. Fails if there is no frame header before it.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut segments = Segments { rest: bytes };
        let (mut adobe, mut exif, mut icc, mut frame) = (false, None, Vec::new(), None);
        loop {
            let (marker, body) = segments.next().ok_or(Refusal::Damaged)?;
            match marker {
                APP1 if exif.is_none() => exif = body.strip_prefix(EXIF),
                APP2 => icc.extend(body.strip_prefix(ICC)),
                // libjpeg ignores shorter Adobe segments.
                APP14 => adobe |= body.starts_with(b"Adobe") && body.len() >= 12,
                // SOF0 to SOF15, the frame headers of all codings. 0xc4, 0xc8 and 0xcc in this range are not frame
                // headers.
                0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) && frame.is_none() => {
                    frame = Some((marker, body, segments.rest));
                }
                SOS => break,
                EOI => return Err(Refusal::Damaged),
                _ => {}
            }
        }
        let (marker, body, rest) = frame.ok_or(Refusal::Damaged)?;
        let [_, h1, h0, w1, w0, components, sampling @ ..] = body else { return Err(Refusal::Damaged) };
        Ok(Self {
            width: u16::from_be_bytes([*w1, *w0]).into(),
            height: u16::from_be_bytes([*h1, *h0]).into(),
            components: *components,
            adobe,
            exif,
            progressive: marker == SOF2,
            sampling: sampling.as_chunks().0,
            icc,
            rest,
        })
    }

    /// Returns the colour profile, joined from its parts, or `None` if the file has none or a part is missing. Parts
    /// are numbered from 1 and may be in any order.
    pub(super) fn icc(&self) -> Option<Vec<u8>> {
        let mut parts: Vec<_> = self.icc.iter().filter(|part| part.len() > 2).collect();
        parts.sort_by_key(|part| part[0]);
        let whole = parts
            .iter()
            .zip(1_u16..)
            .all(|(part, number)| u16::from(part[0]) == number && usize::from(part[1]) == parts.len());
        (whole && !parts.is_empty()).then(|| parts.iter().flat_map(|part| &part[2..]).copied().collect())
    }

    /// Counts the scans, but at most `limit + 1` of them. Returns `None` if the file ends without an end marker.
    pub(super) fn scans(&self, limit: usize) -> Option<usize> {
        let mut segments = Segments { rest: self.rest };
        let mut scans = 0;
        loop {
            match segments.next()?.0 {
                SOS => scans += 1,
                EOI => return Some(scans),
                _ => {}
            }
            if scans > limit {
                return Some(scans);
            }
        }
    }

    /// Returns a copy of a progressive file without the scans that do not affect an image of one eighth the size, or
    /// `None` if the file is not progressive.
    ///
    /// At one eighth, each block of 8 × 8 pixels becomes one pixel: its mean, which is the first of its 64 coefficients
    /// (the DC coefficient). Scans of the other coefficients can be removed, but only for the components with the
    /// densest sampling. Components with fewer samples (usually colour) are scaled less and need more coefficients.
    pub(super) fn without_detail_scans(&self, file: &[u8]) -> Option<Vec<u8>> {
        if !self.progressive {
            return None;
        }
        let densest = self.sampling.iter().map(|[_, factors, _]| factors).max()?;
        let is_dense = |name| self.sampling.iter().any(|[other, factors, _]| *other == name && factors == densest);
        let is_details = |scan: &[u8]| matches!(*scan, [1, name, _, first, ..] if first > 0 && is_dense(name));

        let mut kept = Vec::with_capacity(file.len());
        let mut segments = Segments { rest: self.rest };
        let (mut from, mut wanted) = (0, true);
        while let Some((marker, body)) = segments.next() {
            // Each segment starts with 2 bytes of marker. A segment with a body then has 2 bytes of length.
            let header = if marker == EOI { 2 } else { 4 };
            let start = file.len() - segments.rest.len() - body.len() - header;
            if wanted {
                kept.extend_from_slice(&file[from..start]);
            }
            (from, wanted) = (start, marker != SOS || !is_details(body));
            if marker == EOI {
                break;
            }
        }
        kept.extend_from_slice(&file[from..]);
        Some(kept)
    }
}

/// Iterates over the segments of a JPEG as (marker, body). Skips each segment by its length, and coded data by
/// searching for the next marker.
struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let at = memchr::memchr(0xff, self.rest)?;
            let (marker, rest) = self.rest[at + 1..].split_first()?;
            match marker {
                // The first 0xff is padding; the marker follows the second one.
                0xff => self.rest = &self.rest[at + 1..],
                // 0 is an escaped 0xff in coded data. The others are markers without a body: TEM, RST0 to RST7 and SOI.
                0 | 1 | 0xd0..=SOI => self.rest = rest,
                &EOI => {
                    self.rest = rest;
                    return Some((EOI, &[]));
                }
                _ => {
                    let length = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
                    let body = rest.get(2..length)?;
                    self.rest = &rest[length..];
                    return Some((*marker, body));
                }
            }
        }
    }
}
