use mozjpeg::{ColorSpace, Compress, Decompress};

const RED: [u8; 3] = [220, 30, 30];
const BLUE: [u8; 3] = [30, 30, 220];

/// Returns a JPEG of the given size in pixels, red on the left and blue on the right.
#[must_use]
pub fn jpeg(width: usize, height: usize) -> Vec<u8> {
    let mut encoder = Compress::new(ColorSpace::JCS_RGB);
    encoder.set_size(width, height);
    let mut encoder =
        encoder.start_compress(Vec::new()).unwrap_or_else(|error| panic!("cannot encode a JPEG: {error}"));
    let done = encoder.write_scanlines(&red_and_blue(width, height)).and_then(|()| encoder.finish());
    done.unwrap_or_else(|error| panic!("cannot encode a JPEG: {error}"))
}

/// Returns a PNG of the given size in pixels, red on the left and blue on the right.
#[must_use]
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let pixels = red_and_blue(width as usize, height as usize);
    let done = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(&pixels)?;
        writer.finish()
    });
    done.unwrap_or_else(|error| panic!("cannot encode a PNG: {error}"));
    bytes
}

fn red_and_blue(width: usize, height: usize) -> Vec<u8> {
    let row: Vec<u8> = (0..width).flat_map(|x| if x < width / 2 { RED } else { BLUE }).collect();
    row.repeat(height)
}

/// A decoded JPEG, for tests that check its size and colors.
#[derive(Debug)]
pub struct Picture {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// Decodes a JPEG. Panics if it is not valid.
    #[must_use]
    pub fn decode(jpeg: &[u8]) -> Self {
        let decoded = Decompress::new_mem(jpeg).and_then(Decompress::rgb).and_then(|mut image| {
            let (width, height) = (image.width(), image.height());
            let pixels = image.read_scanlines()?;
            image.finish()?;
            Ok(Self { width, height, pixels })
        });
        decoded.unwrap_or_else(|error| panic!("not a valid JPEG: {error}"))
    }

    /// Checks that the picture is red on the left and blue on the right, as [`jpeg`] and [`fn@png`] draw it.
    #[track_caller]
    pub fn assert_red_and_blue(&self) {
        let middle = self.height / 2 * self.width;
        for (x, wanted) in [(self.width / 4, RED), (self.width * 3 / 4, BLUE)] {
            let shown = self.pixels[middle + x];
            let near = shown.iter().zip(wanted).all(|(shown, wanted)| shown.abs_diff(wanted) < 40);
            assert!(near, "the pixel at x = {x} of {} is {shown:?}, expected about {wanted:?}", self.width);
        }
    }
}
