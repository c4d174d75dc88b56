//! Decoded pixels, made smaller while they are read.

use image::metadata::Orientation;

use super::ratio;

/// As many pixels as this are left for one of the thumbnail's, per side: averaging whole squares is cruder than what
/// the decoders of photos do while they shrink, and screenshots have finer lines.
const OVERSAMPLING: f64 = 2.0;

/// What the bytes of a pixel mean; 8 bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Gray,
    Rgb,
    /// 0 is no ink.
    Cmyk,
}

impl Layout {
    pub(super) fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Cmyk => 4,
        }
    }
}

/// An image small enough to hold, in the colours and the orientation of its file.
pub(super) struct Raster {
    /// Of the pixels held here.
    pub(super) width: u32,
    pub(super) height: u32,
    /// Of the image that they were read from: what the thumbnail's size follows.
    pub(super) full: (u32, u32),
    pub(super) layout: Layout,
    pub(super) pixels: Vec<u8>,
    pub(super) orientation: Orientation,
    /// The colour profile; sRGB without one.
    pub(super) icc: Option<Vec<u8>>,
}

/// Averages squares of pixels row by row, so that an image never has to be in memory as a whole.
pub(super) struct Shrinker {
    width: usize,
    height: usize,
    layout: Layout,
    /// The side of a square.
    factor: usize,
    /// One sum per channel and column, over the rows of the current squares.
    sums: Vec<u32>,
    rows_in_sums: usize,
    pixels: Vec<u8>,
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::inline_always,
    reason = "averages of bytes and sides of images"
)]
impl Shrinker {
    /// For an image of this size.
    pub(super) fn new(width: u32, height: u32, layout: Layout) -> Self {
        let factor = ((ratio(width, height) / OVERSAMPLING) as usize).max(1);
        let (width, height) = (width as usize, height as usize);
        let channels = layout.channels();
        Self {
            width,
            height,
            layout,
            factor,
            sums: if factor == 1 { Vec::new() } else { vec![0; width * channels] },
            rows_in_sums: 0,
            pixels: Vec::with_capacity(width.div_ceil(factor) * height.div_ceil(factor) * channels),
        }
    }

    /// Takes the next row, which has a byte for each channel of each pixel.
    pub(super) fn push(&mut self, row: &[u8]) {
        debug_assert_eq!(row.len(), self.width * self.layout.channels());
        if self.factor == 1 {
            self.pixels.extend_from_slice(row);
            return;
        }
        for (sum, value) in self.sums.iter_mut().zip(row) {
            *sum += u32::from(*value);
        }
        self.rows_in_sums += 1;
        if self.rows_in_sums == self.factor {
            self.write_squares();
        }
    }

    /// The pixels, once all rows were pushed.
    pub(super) fn finish(mut self, orientation: Orientation, icc: Option<Vec<u8>>) -> Raster {
        if self.rows_in_sums > 0 {
            self.write_squares();
        }
        Raster {
            width: side(self.width.div_ceil(self.factor)),
            height: side(self.height.div_ceil(self.factor)),
            full: (side(self.width), side(self.height)),
            layout: self.layout,
            pixels: self.pixels,
            orientation,
            icc,
        }
    }

    fn write_squares(&mut self) {
        match self.layout {
            Layout::Gray => self.write_averages::<1>(),
            Layout::Rgb => self.write_averages::<3>(),
            Layout::Cmyk => self.write_averages::<4>(),
        }
        self.sums.fill(0);
        self.rows_in_sums = 0;
    }

    fn write_averages<const CHANNELS: usize>(&mut self) {
        self.write(|square: &[[u32; CHANNELS]], area| {
            // 24 bits behind the point; the greatest average of 255 just fits.
            let share = (1 << 24) / area;
            total(square).map(|sum| ((sum * share + (1 << 23)) >> 24) as u8)
        });
    }

    /// Makes each square a pixel; the last in a row may be cut.
    #[inline(always)]
    fn write<const CHANNELS: usize>(&mut self, average: impl Fn(&[[u32; CHANNELS]], u32) -> [u8; CHANNELS]) {
        let columns = self.sums.as_chunks::<CHANNELS>().0;
        let (rows, before) = (self.rows_in_sums as u32, self.pixels.len());
        self.pixels.resize(before + columns.len().div_ceil(self.factor) * CHANNELS, 0);
        let pixels = self.pixels[before..].as_chunks_mut::<CHANNELS>().0;
        if self.factor == 2 {
            // The factor of most screenshots: a loop that the compiler can unroll.
            let (pairs, rest) = columns.as_chunks::<2>();
            for (pair, pixel) in pairs.iter().zip(pixels.iter_mut()) {
                *pixel = average(pair, 2 * rows);
            }
            if let (false, Some(pixel)) = (rest.is_empty(), pixels.last_mut()) {
                *pixel = average(rest, rows);
            }
        } else {
            for (square, pixel) in columns.chunks(self.factor).zip(pixels) {
                *pixel = average(square, square.len() as u32 * rows);
            }
        }
    }
}

/// Appends pixels with alpha, not premultiplied, as they look on white. This comes first: what follows has no fourth
/// channel to carry, and averages what is seen.
pub(super) fn on_white(rgba: &[u8], to: &mut Vec<u8>) {
    let (pixels, before) = (rgba.as_chunks::<4>().0, to.len());
    to.resize(before + pixels.len() * 3, 0);
    for (to, [r, g, b, a]) in to[before..].as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
        // Most pixels of most images.
        let opaque = *a == 255;
        *to = if opaque { [*r, *g, *b] } else { [over_white(*r, *a), over_white(*g, *a), over_white(*b, *a)] };
    }
}

pub(super) fn over_white(value: u8, alpha: u8) -> u8 {
    !product(!value, alpha)
}

/// With 255 for one, rounded to the nearest: a division by 255 without dividing.
#[allow(clippy::cast_possible_truncation, reason = "no more than either")]
pub(super) fn product(a: u8, b: u8) -> u8 {
    let product = u16::from(a) * u16::from(b) + 128;
    ((product + (product >> 8)) >> 8) as u8
}

/// Loops are unrolled here where iterators were not.
fn total<const CHANNELS: usize>(pixels: &[[u32; CHANNELS]]) -> [u32; CHANNELS] {
    let mut total = [0; CHANNELS];
    for pixel in pixels {
        for channel in 0..CHANNELS {
            total[channel] += pixel[channel];
        }
    }
    total
}

fn side(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
