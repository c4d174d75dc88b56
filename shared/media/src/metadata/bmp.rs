use super::ranges::{Kept, zero_all_but};

/// Length of the file header in bytes. The image header, which begins with its own length, follows.
const FILE_HEADER: usize = 14;
/// Length of the oldest image header. Its numbers have 16 bits.
const OLD_HEADER: usize = 12;
/// Length of the only image header that can name a colour profile.
const V5_HEADER: usize = 124;

/// Positions in the file of two fields of a V5 header: the colour space, and the position and length of the profile.
const COLOR_SPACE: usize = FILE_HEADER + 56;
const PROFILE: usize = FILE_HEADER + 112;

// Colour spaces, as little-endian numbers.
const EMBEDDED_PROFILE: &[u8] = b"DEBM";
const LINKED_PROFILE: &[u8] = b"KNIL";
const SRGB: &[u8] = b"BGRs";

/// Keeps headers, palette, pixels and an embedded colour profile, and zeros all other bytes. The link to a colour profile
/// is removed, because it is a path on somebody's computer.
pub(super) fn strip(file: &[u8]) -> Option<Vec<u8>> {
    let header = number(file, FILE_HEADER)?;
    let pixels_at = number(file, 10)?;
    let image = Image::read(file, header)?;
    let palette_at = FILE_HEADER + header + image.masks_length(header);
    // Some files declare more colours than their palette has. Their pixels begin before the calculated end of the
    // palette.
    let palette_end = (palette_at + image.palette_length(header)).min(pixels_at);
    let pixels = pixels_at..pixels_at.checked_add(image.pixels_length(file.get(pixels_at..)?)?)?;
    if pixels_at < palette_at || pixels.is_empty() {
        return None;
    }

    let mut kept = vec![0..palette_end, pixels];
    let profile = if header == V5_HEADER { file.get(COLOR_SPACE..COLOR_SPACE + 4)? } else { &[] };
    if profile == EMBEDDED_PROFILE {
        let start = FILE_HEADER.checked_add(number(file, PROFILE)?)?;
        kept.push(start..start.checked_add(number(file, PROFILE + 4)?)?);
    }
    let kept = kept.into_iter().map(|range| Kept { range, rewritten: false }).collect();
    let mut copy = zero_all_but(file, kept)?;

    // The four bytes after the file's length are for the program that wrote the file. They do not affect the image.
    copy.get_mut(6..10)?.fill(0);
    if profile == LINKED_PROFILE {
        copy.get_mut(COLOR_SPACE..COLOR_SPACE + 4)?.copy_from_slice(SRGB);
        copy.get_mut(PROFILE..PROFILE + 8)?.fill(0);
    }
    if copy.len() < file.len() {
        let length = u32::try_from(copy.len()).ok()?;
        copy[2..6].copy_from_slice(&length.to_le_bytes());
    }
    Some(copy)
}

/// How the pixels are stored.
struct Image {
    width: usize,
    height: usize,
    bits_per_pixel: usize,
    compression: usize,
    /// The declared number of colours in the palette; 0 stands for the largest possible number.
    colors: usize,
}

impl Image {
    fn read(file: &[u8], header: usize) -> Option<Self> {
        let short = |at| Some(usize::from(u16::from_le_bytes(*file.get(at..)?.first_chunk()?)));
        if header == OLD_HEADER {
            let (width, height, bits_per_pixel) = (short(18)?, short(20)?, short(24)?);
            return Some(Self { width, height, bits_per_pixel, compression: 0, colors: 0 });
        }
        // The height is negative if the first row is the uppermost one.
        let height = i32::from_le_bytes(*file.get(22..)?.first_chunk()?).unsigned_abs();
        Some(Self {
            width: number(file, 18)?,
            height: usize::try_from(height).ok()?,
            bits_per_pixel: short(28)?,
            compression: number(file, 30)?,
            colors: number(file, 46)?,
        })
    }

    /// Returns the length of the colour masks between the header and the palette. Longer headers contain the masks.
    fn masks_length(&self, header: usize) -> usize {
        match (header, self.compression) {
            (40, 3) => 12,
            (40, 6) => 16,
            _ => 0,
        }
    }

    fn palette_length(&self, header: usize) -> usize {
        if self.bits_per_pixel > 8 {
            return 0;
        }
        let largest = 1 << self.bits_per_pixel;
        let colors = if self.colors == 0 { largest } else { self.colors.min(largest) };
        colors * if header == OLD_HEADER { 3 } else { 4 }
    }

    /// Returns the length of the pixels, which begin at the start of `data`.
    fn pixels_length(&self, data: &[u8]) -> Option<usize> {
        match self.compression {
            // Uncompressed, without or with colour masks. Rows are padded to 4 bytes.
            0 | 3 | 6 => {
                let row = self.width.checked_mul(self.bits_per_pixel)?.div_ceil(32) * 4;
                row.checked_mul(self.height)
            }
            1 => run_length_coded(data, |pixels| pixels),
            2 => run_length_coded(data, |pixels| pixels.div_ceil(2)),
            _ => None,
        }
    }
}

/// Returns the length of run-length coded pixels, including the end marker. `stored` returns the number of bytes that a
/// number of uncoded pixels take.
fn run_length_coded(data: &[u8], stored: impl Fn(usize) -> usize) -> Option<usize> {
    let mut at = 0;
    loop {
        let [count, value] = *data.get(at..)?.first_chunk()?;
        at += 2;
        match (count, value) {
            (0, 1) => return Some(at),
            // A jump to another position: two more bytes.
            (0, 2) => at += 2,
            // Uncoded pixels, padded to 2 bytes.
            (0, pixels @ 3..) => at += stored(pixels.into()).next_multiple_of(2),
            // The end of a row, or a run of one value.
            _ => {}
        }
    }
}

fn number(file: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*file.get(at..)?.first_chunk()?)).ok()
}
