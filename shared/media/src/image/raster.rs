//! Decoded pixels, and a [`Shrinker`] that shrinks an image while it is decoded.

use image::metadata::Orientation;

use super::ratio;

/// [`Shrinker`] leaves at least this many pixels per thumbnail pixel, along each side. The decoders of photos leave
/// only 1.4 (`super::OVERSAMPLING`). [`Shrinker`] leaves more, because averaging squares is less precise than the
/// decoders' scaling, and because screenshots have finer lines than photos.
const OVERSAMPLING: f64 = 2.0;

/// The colour channels of a pixel, with 8 bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Gray,
    Rgb,
    /// Ink: 0 is no ink, 255 is full ink.
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

/// A decoded image, usually shrunk, in the colours and the orientation of its file.
pub(super) struct Raster {
    /// Width of the image in `pixels`.
    pub(super) width: u32,
    /// Height of the image in `pixels`.
    pub(super) height: u32,
    /// Width and height of the original image, from which the thumbnail's size is calculated.
    pub(super) full: (u32, u32),
    pub(super) layout: Layout,
    pub(super) pixels: Vec<u8>,
    pub(super) orientation: Orientation,
    /// The ICC colour profile. Without one, the pixels are taken as sRGB.
    pub(super) icc: Option<Vec<u8>>,
}

/// Shrinks an image by averaging squares of pixels. It takes one row at a time, so the full image is never in memory.
pub(super) struct Shrinker {
    width: usize,
    height: usize,
    layout: Layout,
    /// Side of the averaged squares, in pixels of the original image. 1 means that the image is not shrunk.
    factor: usize,
    /// For each column and colour channel, the sum of the values in the rows that were read since the last row of squares
    /// was averaged.
    sums: Vec<u32>,
    rows_in_sums: usize,
    pixels: Vec<u8>,
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::inline_always,
    reason = "an average of bytes fits into a byte, and the sides of images are at most 16384"
)]
impl Shrinker {
    /// Creates a shrinker for an image of the given size in pixels.
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

    /// Adds the next row of the image: one byte for each colour channel of each pixel.
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

    /// Returns the shrunk image. Call this after all rows were pushed.
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
            // Uses fixed-point numbers with 24 fractional bits: the largest average, 255, just fits into 32 bits.
            let reciprocal = (1 << 24) / area;
            sum_channels(square).map(|sum| ((sum * reciprocal + (1 << 23)) >> 24) as u8)
        });
    }

    /// Appends one pixel per square: its average. The last square of a row may be narrower.
    #[inline(always)]
    fn write<const CHANNELS: usize>(&mut self, average: impl Fn(&[[u32; CHANNELS]], u32) -> [u8; CHANNELS]) {
        let columns = self.sums.as_chunks::<CHANNELS>().0;
        let (rows, before) = (self.rows_in_sums as u32, self.pixels.len());
        self.pixels.resize(before + columns.len().div_ceil(self.factor) * CHANNELS, 0);
        let pixels = self.pixels[before..].as_chunks_mut::<CHANNELS>().0;
        if self.factor == 2 {
            // A factor of 2 is frequent, for example for screenshots of 4K screens: 2,160 rows are 4.5 times the 480
            // rows of the thumbnail, and the shrinker leaves at least 2. With a constant factor, the compiler unrolls
            // the loop.
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

/// Appends RGBA pixels (not premultiplied) as RGB on a white background.
///
/// This is done before shrinking. Later steps then need no alpha channel, and averages contain only visible colours.
pub(super) fn flatten_onto_white(rgba: &[u8], to: &mut Vec<u8>) {
    let (pixels, before) = (rgba.as_chunks::<4>().0, to.len());
    to.resize(before + pixels.len() * 3, 0);
    for (to, [r, g, b, a]) in to[before..].as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
        // Opaque pixels need no blending. Most pixels of most images are opaque.
        let opaque = *a == 255;
        *to = if opaque { [*r, *g, *b] } else { [*r, *g, *b].map(|value| blend_onto_white(value, *a)) };
    }
}

/// Returns the colour of a pixel on a white background, for one colour channel and with the given alpha.
pub(super) fn blend_onto_white(value: u8, alpha: u8) -> u8 {
    !multiply(!value, alpha)
}

/// Multiplies two fractions, where 255 stands for 1. Rounds to the nearest value. Uses shifts, which are faster than a
/// division by 255.
#[allow(clippy::cast_possible_truncation, reason = "the result is at most the smaller factor")]
pub(super) fn multiply(a: u8, b: u8) -> u8 {
    let product = u16::from(a) * u16::from(b) + 128;
    ((product + (product >> 8)) >> 8) as u8
}

/// Sums the pixels, each colour channel by itself. The loops are explicit because the compiler does not unroll the
/// equivalent iterators.
fn sum_channels<const CHANNELS: usize>(pixels: &[[u32; CHANNELS]]) -> [u32; CHANNELS] {
    let mut sums = [0; CHANNELS];
    for pixel in pixels {
        for channel in 0..CHANNELS {
            sums[channel] += pixel[channel];
        }
    }
    sums
}

fn side(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
