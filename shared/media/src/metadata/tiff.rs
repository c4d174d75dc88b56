use std::ops::Range;

use super::jpeg;
use super::ranges::{Kept, zero_all_but};

const NEW_SUBFILE_TYPE: u16 = 254;
const COMPRESSION: u16 = 259;
const STRIP_OFFSETS: u16 = 273;
const STRIP_LENGTHS: u16 = 279;
const TILE_OFFSETS: u16 = 324;
const TILE_LENGTHS: u16 = 325;
const SUB_IFDS: u16 = 330;
const JPEG_TABLES: u16 = 347;

const OLD_JPEG: usize = 6;
const JPEG: usize = 7;

/// Returns whether a tag affects how the image looks (TIFF 6.0; TIFF Technical Note 2; ICC.1, annex B.4).
fn affects_display(tag: u16) -> bool {
    matches!(
        tag,
        // Size, coding, blocks of pixel rows, orientation, resolution.
        254..=259 | 262..=266 | 273 | 274 | 277..=284
        // Gray response, fax coding, transfer function.
        | 290..=293 | 296 | 301
        // Predictor, white point, primaries, palette, halftone hints, tiles.
        | 317..=325
        // Inks, extra samples, sample formats and ranges.
        | 332 | 334 | 336 | 338..=341
        // JPEG tables, YCbCr.
        | 347 | 529..=532
        // The colour profile.
        | 34675
    )
}

/// Keeps the pages, the tags that affect how they look, and their pixels, all at their positions in the file, and zeros
/// all other bytes. So no offset changes, and metadata that no tag refers to are removed as well. Removes previews:
/// pages after the first that are marked as reduced versions, or that use the old form of JPEG in TIFF.
///
/// A page stores its pixels in blocks of rows (strips, in TIFF's terms) or in tiles.
///
/// Returns `None` for files with sub-images, which are mostly raw photos: their tags cannot be told apart from
/// metadata.
pub(super) fn strip(file: &[u8]) -> Option<Vec<u8>> {
    let mut tiff = Tiff::open(file)?;
    let mut pages: Vec<Page> = Vec::new();
    let mut kept = vec![Kept { range: 0..tiff.header_length, rewritten: true }];
    let mut pointer = tiff.header_length - tiff.word;
    loop {
        let at = tiff.number(pointer, tiff.word)?;
        if at == 0 {
            break;
        }
        let page = tiff.page(at)?;
        pointer = page.next_pointer;
        if pages.is_empty() || !tiff.is_preview(&page) {
            tiff.keep(&page, &mut kept)?;
            pages.push(page);
        }
    }
    if pages.is_empty() {
        return None;
    }
    let mut copy = zero_all_but(file, kept)?;
    let next_pages = pages.iter().skip(1).map(|page| page.at).chain([0]);
    for (page, next) in pages.iter().zip(next_pages) {
        let mut at = page.at;
        let mut write = |bytes: &[u8]| {
            copy[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        write(tiff.encoded(page.entries.len(), tiff.count_length).get(..tiff.count_length)?);
        for entry in &page.entries {
            write(&file[entry.at..entry.at + tiff.entry_length]);
        }
        write(tiff.encoded(next, tiff.word).get(..tiff.word)?);
    }
    Some(copy)
}

/// The structure of a TIFF: 32-bit offsets, or 64-bit ones in a `BigTIFF`.
struct Tiff<'a> {
    file: &'a [u8],
    big_endian: bool,
    /// Length of an offset in bytes.
    word: usize,
    header_length: usize,
    /// Length of a directory's number of entries in bytes.
    count_length: usize,
    entry_length: usize,
    /// Number of bytes that may still be read as directories, lists of offsets or JPEG data. In a valid file these do
    /// not overlap, so together they are at most as long as the file. The budget limits the time that a hostile file
    /// takes, and ends a loop of pages.
    budget: usize,
}

/// A directory that describes one image.
struct Page {
    at: usize,
    entries: Vec<Entry>,
    /// Position of the offset of the next directory.
    next_pointer: usize,
}

struct Entry {
    at: usize,
    tag: u16,
    /// The bytes of the value.
    value: Range<usize>,
    /// Length of each number in the value in bytes.
    size: usize,
    /// Whether the value is in the entry itself.
    inline: bool,
}

impl Page {
    fn entry(&self, tag: u16) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }
}

impl<'a> Tiff<'a> {
    fn open(file: &'a [u8]) -> Option<Self> {
        let big_endian = file.starts_with(b"MM");
        let classic =
            Self { file, big_endian, word: 4, header_length: 8, count_length: 2, entry_length: 12, budget: file.len() };
        match classic.number(2, 2)? {
            42 => Some(classic),
            // The header names the length of an offset, which is always 8.
            43 if classic.number(4, 2)? == 8 => {
                Some(Self { word: 8, header_length: 16, count_length: 8, entry_length: 20, ..classic })
            }
            _ => None,
        }
    }

    /// Reads an unsigned number of up to 8 bytes.
    fn number(&self, at: usize, length: usize) -> Option<usize> {
        let bytes = self.file.get(at..at.checked_add(length)?)?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        let number = if self.big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) };
        usize::try_from(number).ok()
    }

    /// Returns the bytes of a number. The first `length` of them are the number in the file's byte order.
    fn encoded(&self, number: usize, length: usize) -> [u8; 8] {
        let number = number as u64;
        if self.big_endian { (number << (64 - 8 * length)).to_be_bytes() } else { number.to_le_bytes() }
    }

    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.budget = self.budget.checked_sub(bytes)?;
        Some(())
    }

    /// Reads the directory at the given position. The result has only the entries whose tags affect how the image
    /// looks.
    fn page(&mut self, at: usize) -> Option<Page> {
        let count = self.number(at, self.count_length)?;
        let start = at.checked_add(self.count_length)?;
        let next_pointer = start.checked_add(count.checked_mul(self.entry_length)?)?;
        self.spend(next_pointer.checked_add(self.word)? - at)?;
        let mut entries = Vec::new();
        for at in (start..next_pointer).step_by(self.entry_length) {
            let tag = u16::try_from(self.number(at, 2)?).ok()?;
            if tag == SUB_IFDS {
                return None;
            }
            if affects_display(tag) {
                // Decoders differ in which of two equal tags they use, so such a file is refused.
                if entries.iter().any(|entry: &Entry| entry.tag == tag) {
                    return None;
                }
                entries.push(self.entry(at, tag)?);
            }
        }
        Some(Page { at, entries, next_pointer })
    }

    fn entry(&self, at: usize, tag: u16) -> Option<Entry> {
        let size = match self.number(at + 2, 2)? {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            _ => return None,
        };
        let length = self.number(at + 4, self.word)?.checked_mul(size)?;
        let field = at + 4 + self.word;
        let inline = length <= self.word;
        let start = if inline { field } else { self.number(field, self.word)? };
        let value = start..start.checked_add(length)?;
        self.file.get(value.clone())?;
        Some(Entry { at, tag, value, size, inline })
    }

    /// Returns the only number of a tag, or `None` if the page does not have the tag.
    fn single(&self, page: &Page, tag: u16) -> Option<usize> {
        page.entry(tag).and_then(|entry| self.number(entry.value.start, entry.size))
    }

    /// Returns whether a page after the first is a preview: a reduced version of another page, or an image in the old
    /// form of JPEG in TIFF (compression 6), which only the previews of cameras still use.
    fn is_preview(&self, page: &Page) -> bool {
        self.single(page, NEW_SUBFILE_TYPE).is_some_and(|flags| flags & 1 == 1)
            || self.single(page, COMPRESSION) == Some(OLD_JPEG)
    }

    /// Adds the page's directory, values and pixels to the kept ranges.
    fn keep(&mut self, page: &Page, kept: &mut Vec<Kept>) -> Option<()> {
        let length = self.count_length + page.entries.len() * self.entry_length + self.word;
        kept.push(Kept { range: page.at..page.at + length, rewritten: true });
        let values = page.entries.iter().filter(|entry| !entry.inline);
        kept.extend(values.map(|entry| Kept { range: entry.value.clone(), rewritten: false }));

        let compression = self.single(page, COMPRESSION).unwrap_or(1);
        if compression == OLD_JPEG {
            return None;
        }
        if let Some(tables) = page.entry(JPEG_TABLES) {
            self.check_jpeg(tables.value.clone())?;
        }
        let (strips, tiles) = (page.entry(STRIP_OFFSETS), page.entry(TILE_OFFSETS));
        let (offsets, lengths) = match (strips, tiles) {
            (Some(offsets), None) => (offsets, page.entry(STRIP_LENGTHS)?),
            (None, Some(offsets)) => (offsets, page.entry(TILE_LENGTHS)?),
            _ => return None,
        };
        for list in [offsets, lengths].into_iter().filter(|list| !list.inline) {
            self.spend(list.value.len())?;
        }
        let (offset_count, length_count) = (offsets.value.len() / offsets.size, lengths.value.len() / lengths.size);
        if offset_count != length_count {
            return None;
        }
        for index in 0..offset_count {
            let start = self.number(offsets.value.start + index * offsets.size, offsets.size)?;
            let length = self.number(lengths.value.start + index * lengths.size, lengths.size)?;
            let range = start..start.checked_add(length)?;
            self.file.get(range.clone())?;
            if compression == JPEG {
                self.check_jpeg(range.clone())?;
            }
            kept.push(Kept { range, rewritten: false });
        }
        Some(())
    }

    /// Fails if JPEG data in a TIFF contain metadata, so that the file is refused. Encoders write no metadata into such
    /// data. Metadata cannot be removed there, because the data would become shorter than the TIFF declares.
    fn check_jpeg(&mut self, range: Range<usize>) -> Option<()> {
        self.spend(range.len())?;
        let bytes = &self.file[range];
        (jpeg::strip(bytes)? == bytes).then_some(())
    }
}
