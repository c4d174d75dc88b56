//! Tests that metadata are removed from TIFF files, in both byte orders and both sizes of offsets.

use image::ImageDecoder as _;
use image::codecs::tiff::TiffDecoder;
use media::{Refusal, strip_metadata};

use crate::metadata::{is_unchanged, stripped};
use crate::samples::{SECRET, exif, jpeg, quarters};

const BYTE: u16 = 1;
const ASCII: u16 = 2;
const SHORT: u16 = 3;
const LONG: u16 = 4;
const UNDEFINED: u16 = 7;
const LONG8: u16 = 16;

const WIDTH: u32 = 60;
const HEIGHT: u32 = 40;

/// A TIFF that is being written.
#[derive(Clone)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
    big_endian: bool,
    /// Length of an offset in bytes: 4, or 8 in a `BigTIFF`.
    word: usize,
    /// Position of the offset that the next page is written to.
    pointer: usize,
}

pub(crate) type Entry<'a> = (u16, u16, &'a [u64]);

impl Writer {
    pub(crate) fn new(big_endian: bool, word: usize) -> Self {
        let mut writer =
            Self { bytes: if big_endian { b"MM".to_vec() } else { b"II".to_vec() }, big_endian, word, pointer: 0 };
        writer.number(if word == 8 { 43 } else { 42 }, 2);
        if word == 8 {
            writer.number(8, 2);
            writer.number(0, 2);
        }
        writer.pointer = writer.bytes.len();
        writer.number(0, word);
        writer
    }

    fn every() -> impl Iterator<Item = Self> {
        [(false, 4), (true, 4), (false, 8), (true, 8)].into_iter().map(|(big_endian, word)| Self::new(big_endian, word))
    }

    fn encoded(&self, number: u64, length: usize) -> Vec<u8> {
        if self.big_endian {
            number.to_be_bytes()[8 - length..].to_vec()
        } else {
            number.to_le_bytes()[..length].to_vec()
        }
    }

    fn number(&mut self, number: u64, length: usize) {
        self.bytes.extend(self.encoded(number, length));
    }

    /// Appends data and returns their position.
    pub(crate) fn data(&mut self, data: &[u8]) -> u64 {
        let at = self.bytes.len() as u64;
        self.bytes.extend(data);
        at
    }

    /// Appends a directory, after its values, and returns its position.
    pub(crate) fn directory(&mut self, entries: &[Entry<'_>]) -> u64 {
        let mut written = Vec::new();
        for (tag, kind, numbers) in entries {
            let size = match *kind {
                BYTE | ASCII | UNDEFINED => 1,
                SHORT => 2,
                LONG => 4,
                _ => 8,
            };
            let mut value: Vec<u8> = numbers.iter().flat_map(|number| self.encoded(*number, size)).collect();
            if value.len() > self.word {
                let at = self.data(&value);
                value = self.encoded(at, self.word);
            }
            value.resize(self.word, 0);
            written.extend([self.encoded((*tag).into(), 2), self.encoded((*kind).into(), 2)].concat());
            written.extend([self.encoded(numbers.len() as u64, self.word), value].concat());
        }
        let at = self.bytes.len() as u64;
        self.number(entries.len() as u64, if self.word == 8 { 8 } else { 2 });
        self.bytes.extend(written);
        self.number(0, self.word);
        at
    }

    /// Appends a directory and links it as the next page.
    pub(crate) fn page(&mut self, entries: &[Entry<'_>]) {
        let at = self.directory(entries);
        let pointer = self.encoded(at, self.word);
        self.bytes[self.pointer..self.pointer + self.word].copy_from_slice(&pointer);
        self.pointer = self.bytes.len() - self.word;
    }

    /// Appends a page whose pixels are in two blocks of rows, with the given entries before and after the necessary
    /// ones.
    pub(crate) fn picture(&mut self, before: &[Entry<'_>], after: &[Entry<'_>]) {
        let pixels = quarters(WIDTH, HEIGHT);
        let half = pixels.len() / 2;
        let offsets = [self.data(&pixels[..half]), self.data(&pixels[half..])];
        let (length, kind) = (half as u64, if self.word == 8 { LONG8 } else { LONG });
        let entries: [Entry<'_>; 10] = [
            (256, SHORT, &[u64::from(WIDTH)]),
            (257, LONG, &[u64::from(HEIGHT)]),
            (258, SHORT, &[8, 8, 8]),
            (259, SHORT, &[1]),
            (262, SHORT, &[2]),
            (273, kind, &offsets),
            (274, SHORT, &[6]),
            (277, SHORT, &[3]),
            (278, SHORT, &[u64::from(HEIGHT / 2)]),
            (279, LONG, &[length, length]),
        ];
        self.page(&[before, &entries, after].concat());
    }
}

fn numbers(bytes: &[u8]) -> Vec<u64> {
    bytes.iter().copied().map(u64::from).collect()
}

/// Returns the first page's pixels, orientation and colour profile.
fn decoded(file: &[u8]) -> (Vec<u8>, image::metadata::Orientation, Option<Vec<u8>>) {
    let mut decoder = TiffDecoder::new(std::io::Cursor::new(file)).unwrap();
    let (orientation, profile) = (decoder.orientation().unwrap(), decoder.icc_profile().unwrap());
    let mut pixels = vec![0; usize::try_from(decoder.total_bytes()).unwrap()];
    decoder.read_image(&mut pixels).unwrap();
    (pixels, orientation, profile)
}

#[test]
fn private_tags_are_removed_and_pixels_stay() {
    for mut tiff in Writer::every() {
        let secret = numbers(SECRET);
        let camera = tiff.directory(&[(0x9286, UNDEFINED, &secret), (0x927c, BYTE, &secret), (0xa430, ASCII, &secret)]);
        let place = tiff.directory(&[(1, ASCII, &numbers(b"N\0")), (0x1d, ASCII, &secret)]);
        tiff.data(SECRET);
        let before: [Entry<'_>; 1] = [(254, LONG, &[0])];
        let profile = numbers(&[7; 300]);
        let short = numbers(b"ab\0");
        let after: [Entry<'_>; 14] = [
            (269, ASCII, &secret),
            (270, ASCII, &secret),
            (271, ASCII, &short),
            (306, ASCII, &secret),
            (315, ASCII, &secret),
            (316, ASCII, &secret),
            (700, BYTE, &secret),
            (33_432, ASCII, &secret),
            (33_723, LONG, &secret),
            (34_377, BYTE, &secret),
            (34_665, LONG, &[camera]),
            (34_675, UNDEFINED, &profile),
            (34_853, LONG, &[place]),
            (50_341, UNDEFINED, &secret),
        ];
        tiff.picture(&before, &after);
        let file = [tiff.bytes.clone(), SECRET.to_vec()].concat();
        let cleaned = stripped(&file);
        assert!(cleaned.len() <= tiff.bytes.len(), "data after the end must be removed");
        assert!(!cleaned.windows(3).any(|window| window == b"ab\0"));
        assert!(decoded(&cleaned) == decoded(&file));
        assert_eq!(decoded(&cleaned).2, Some(vec![7; 300]));
        let thumbnail = |file: &[u8]| media::thumbnail(file).unwrap().jpeg;
        assert!(thumbnail(&cleaned) == thumbnail(&file));
    }
}

#[test]
fn clean_tiffs_stay_and_previews_are_removed() {
    for mut tiff in Writer::every() {
        tiff.picture(&[], &[]);
        tiff.picture(&[(254, LONG, &[2])], &[]);
        assert!(is_unchanged(&tiff.bytes), "a page was changed or removed");
        let both_pages = tiff.clone();
        // Two previews: a reduced version of a page, and a JPEG in the old form that cameras write.
        tiff.picture(&[(254, LONG, &[1])], &[(315, ASCII, &numbers(SECRET))]);
        let at = tiff.data(SECRET);
        tiff.page(&[(259, SHORT, &[6]), (513, LONG, &[at]), (514, LONG, &[SECRET.len() as u64])]);
        assert!(stripped(&tiff.bytes) == both_pages.bytes);
        tiff.picture(&[], &[]);
        let cleaned = stripped(&tiff.bytes);
        assert_eq!(cleaned.len(), tiff.bytes.len(), "the page after the previews was removed");
        assert!(decoded(&cleaned) == decoded(&tiff.bytes));
        let pages = |file: &[u8]| {
            let mut decoder = tiff::decoder::Decoder::new(std::io::Cursor::new(file)).unwrap();
            let mut pages = vec![decoder.read_image().unwrap()];
            while decoder.more_images() {
                decoder.next_image().unwrap();
                pages.push(decoder.read_image().unwrap());
            }
            pages
        };
        assert_eq!(pages(&cleaned).len(), 3);
    }
}

#[test]
fn jpeg_within_a_tiff_must_be_clean() {
    for (strip, allowed) in [
        (jpeg(WIDTH, HEIGHT), true),
        (crate::samples::with_segment(&jpeg(WIDTH, HEIGHT), 0xe1, &[b"Exif\0\0", exif(1).as_slice()].concat()), false),
        ([jpeg(WIDTH, HEIGHT).as_slice(), SECRET].concat(), false),
        (SECRET.to_vec(), false),
    ] {
        for mut tiff in Writer::every() {
            let at = tiff.data(&strip);
            tiff.page(&[
                (256, SHORT, &[u64::from(WIDTH)]),
                (257, SHORT, &[u64::from(HEIGHT)]),
                (258, SHORT, &[8, 8, 8]),
                (259, SHORT, &[7]),
                (262, SHORT, &[6]),
                (273, LONG, &[at]),
                (277, SHORT, &[3]),
                (278, SHORT, &[u64::from(HEIGHT)]),
                (279, LONG, &[strip.len() as u64]),
            ]);
            assert_eq!(is_unchanged(&tiff.bytes), allowed);
            assert_eq!(strip_metadata(&tiff.bytes).is_ok(), allowed);
        }
    }
}

#[test]
fn tiffs_that_cannot_be_cleaned_safely_are_refused() {
    let refused = |tiff: &Writer| assert_eq!(strip_metadata(&tiff.bytes).unwrap_err(), Refusal::HiddenData);
    for empty in Writer::every() {
        refused(&empty);
        // A page with a sub-image, as in raw photos.
        let mut tiff = empty.clone();
        let sub_image = tiff.directory(&[(254, LONG, &[0])]);
        tiff.picture(&[], &[(330, LONG, &[sub_image])]);
        refused(&tiff);
        // A page that has the same tag twice.
        let mut tiff = empty.clone();
        tiff.picture(&[(256, SHORT, &[1])], &[]);
        refused(&tiff);
        // A page without pixels, with lists of offsets and lengths that differ in number, and with pixels outside the
        // file.
        let strips: [&[Entry<'_>]; 5] = [
            &[],
            &[(273, LONG, &[8])],
            &[(273, LONG, &[8, 9]), (279, LONG, &[1])],
            &[(273, LONG, &[8]), (279, LONG, &[1_000_000])],
            &[(273, LONG, &[u64::from(u32::MAX)]), (279, LONG, &[1])],
        ];
        for strips in strips {
            let mut tiff = empty.clone();
            tiff.page(strips);
            refused(&tiff);
        }
        // A page whose pixels overlap its directory. Removing tags from the directory would change the pixels.
        let mut tiff = empty.clone();
        let at = tiff.bytes.len() as u64;
        tiff.page(&[(273, LONG, &[at]), (279, LONG, &[10])]);
        refused(&tiff);
    }
}
