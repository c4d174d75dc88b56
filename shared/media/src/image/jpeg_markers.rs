//! The segments of a JPEG file that decide how it is decoded.

use super::Refusal;

const SOF2: u8 = 0xc2;
const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;

const EXIF: &[u8] = b"Exif\0\0";
const ICC: &[u8] = b"ICC_PROFILE\0";

/// What the markers say, up to and including the frame header.
pub(super) struct Markers<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) components: u8,
    /// Written by Adobe's programs, whose CMYK is upside down.
    pub(super) adobe: bool,
    pub(super) exif: Option<&'a [u8]>,
    progressive: bool,
    /// Of each component: its name, how densely it is sampled (across and down, four bits each), its table.
    sampling: &'a [[u8; 3]],
    icc: Vec<&'a [u8]>,
    /// From here on: tables and scans.
    rest: &'a [u8],
}

impl<'a> Markers<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut segments = Segments { rest: bytes };
        let (mut adobe, mut exif, mut icc) = (false, None, Vec::new());
        loop {
            let (marker, body) = segments.next().ok_or(Refusal::Damaged)?;
            match marker {
                APP1 if exif.is_none() => exif = body.strip_prefix(EXIF),
                APP2 => icc.extend(body.strip_prefix(ICC)),
                APP14 => adobe |= body.starts_with(b"Adobe"),
                // A frame header, of whatever coding.
                0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                    let [_, h1, h0, w1, w0, components, sampling @ ..] = body else { return Err(Refusal::Damaged) };
                    return Ok(Self {
                        width: u16::from_be_bytes([*w1, *w0]).into(),
                        height: u16::from_be_bytes([*h1, *h0]).into(),
                        components: *components,
                        adobe,
                        exif,
                        progressive: marker == SOF2,
                        sampling: sampling.as_chunks().0,
                        icc,
                        rest: segments.rest,
                    });
                }
                SOS | EOI => return Err(Refusal::Damaged),
                _ => {}
            }
        }
    }

    /// The profile, whose parts are numbered from 1 and may come in any order; nothing when one is missing.
    pub(super) fn icc(&self) -> Option<Vec<u8>> {
        let mut parts: Vec<_> = self.icc.iter().filter(|part| part.len() > 2).collect();
        parts.sort_by_key(|part| part[0]);
        let whole = parts
            .iter()
            .zip(1_u16..)
            .all(|(part, number)| u16::from(part[0]) == number && usize::from(part[1]) == parts.len());
        (whole && !parts.is_empty()).then(|| parts.iter().flat_map(|part| &part[2..]).copied().collect())
    }

    /// How many scans follow; no more than `limit + 1` are counted. Nothing when the file ends before its end marker.
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

    /// What an eighth of the size is decoded from: a progressive file without the scans of details that nothing is left
    /// of. Each block of 8 × 8 pixels becomes one, their mean, which is the first of its 64 coefficients; only what is
    /// sampled more thinly, colours mostly, is taken from more of them. Nothing for a file that has no such scans.
    pub(super) fn means(&self, file: &[u8]) -> Option<Vec<u8>> {
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
            // Two bytes of marker, and two of length where there is a body.
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

/// Goes from marker to marker, over segments by their length and over coded data by looking for the next marker.
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
                // A second 0xff is padding, the marker may still come.
                0xff => self.rest = &self.rest[at + 1..],
                // A byte of coded data, and markers that stand alone.
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
