//! The steps that all formats share: the final size, sRGB, upright, on white, JPEG.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use moxcms::{ColorProfile, DataColorSpace, Layout as IccLayout, TransformOptions};

use super::raster::{Layout, Raster};
use super::{Refusal, Thumbnail, ratio};

const QUALITY: f32 = 80.0;

/// Real profiles go up to about 2 MiB, those of printers.
const MAX_ICC_BYTES: usize = 4 << 20;

pub(super) fn finish(raster: Raster) -> Result<Thumbnail, Refusal> {
    let raster = resize(raster)?;
    let orientation = raster.orientation;
    let upright = turn(to_rgb(raster)?, orientation);
    let (width, height) = upright.dimensions();
    Ok(Thumbnail { jpeg: encode(&upright)?, width, height })
}

fn resize(mut raster: Raster) -> Result<Raster, Refusal> {
    let (width, height) = target(raster.full);
    if (width, height) == (raster.width, raster.height) {
        return Ok(raster);
    }
    let pixel_type = match raster.layout {
        Layout::Gray => PixelType::U8,
        Layout::Rgb => PixelType::U8x3,
        Layout::Rgba | Layout::Cmyk => PixelType::U8x4,
    };
    // With alpha the resizer premultiplies and divides again; most images that have the channel are opaque.
    let see_through =
        raster.layout == Layout::Rgba && raster.pixels.as_chunks::<4>().0.iter().any(|pixel| pixel[3] != 255);
    let options = ResizeOptions::new().use_alpha(see_through);
    let mut small = Image::new(width, height, pixel_type);
    let source =
        ImageRef::new(raster.width, raster.height, &raster.pixels, pixel_type).map_err(|_| Refusal::Damaged)?;
    Resizer::new().resize(&source, &mut small, &options).map_err(|_| Refusal::Damaged)?;
    raster.pixels = small.into_vec();
    (raster.width, raster.height) = (width, height);
    Ok(raster)
}

/// The thumbnail's size before it is turned upright.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sides are at most 16384")]
fn target((width, height): (u32, u32)) -> (u32, u32) {
    let ratio = ratio(width, height);
    let fit = |side: u32| ((f64::from(side) / ratio).round() as u32).max(1);
    (fit(width), fit(height))
}

fn to_rgb(mut raster: Raster) -> Result<RgbImage, Refusal> {
    // A profile that cannot be used is as good as none: the picture is then shown as if it were sRGB.
    if let Some(converted) = raster.icc.take().and_then(|icc| through_profile(&raster, &icc)) {
        raster.pixels = converted;
        raster.layout = if raster.layout == Layout::Rgba { Layout::Rgba } else { Layout::Rgb };
    }
    let pixels = match raster.layout {
        Layout::Rgb => raster.pixels,
        Layout::Gray => raster.pixels.iter().flat_map(|gray| [*gray; 3]).collect(),
        Layout::Rgba => {
            let on_white = |value: u8, alpha: u8| over(value, alpha, 255);
            let pixels = raster.pixels.as_chunks::<4>().0.iter();
            pixels.flat_map(|[r, g, b, a]| [on_white(*r, *a), on_white(*g, *a), on_white(*b, *a)]).collect()
        }
        Layout::Cmyk => {
            let paper = |ink: u8, black: u8| over(0, black, 255 - ink);
            let pixels = raster.pixels.as_chunks::<4>().0.iter();
            pixels.flat_map(|[c, m, y, k]| [paper(*c, *k), paper(*m, *k), paper(*y, *k)]).collect()
        }
    };
    RgbImage::from_raw(raster.width, raster.height, pixels).ok_or(Refusal::Damaged)
}

/// `top` laid over `below`.
fn over(top: u8, alpha: u8, below: u8) -> u8 {
    let (top, alpha, below) = (u32::from(top), u32::from(alpha), u32::from(below));
    u8::try_from((top * alpha + below * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
}

/// The pixels in sRGB, or nothing when the profile is broken or is of another kind of image.
fn through_profile(raster: &Raster, icc: &[u8]) -> Option<Vec<u8>> {
    if icc.len() > MAX_ICC_BYTES {
        return None;
    }
    let profile = ColorProfile::new_from_slice(icc).ok()?;
    let (space, from, to) = match raster.layout {
        Layout::Gray => (DataColorSpace::Gray, IccLayout::Gray, IccLayout::Rgb),
        Layout::Rgb => (DataColorSpace::Rgb, IccLayout::Rgb, IccLayout::Rgb),
        Layout::Rgba => (DataColorSpace::Rgb, IccLayout::Rgba, IccLayout::Rgba),
        Layout::Cmyk => (DataColorSpace::Cmyk, IccLayout::Rgba, IccLayout::Rgb),
    };
    if profile.color_space != space {
        return None;
    }
    let srgb = ColorProfile::new_srgb();
    let transform = profile.create_transform_8bit(from, &srgb, to, TransformOptions::default()).ok()?;
    let pixels = raster.pixels.len() / raster.layout.channels();
    let mut converted = vec![0; pixels * to.channels()];
    transform.transform(&raster.pixels, &mut converted).ok()?;
    Some(converted)
}

fn turn(image: RgbImage, orientation: Orientation) -> RgbImage {
    let mut image = DynamicImage::ImageRgb8(image);
    image.apply_orientation(orientation);
    image.into_rgb8()
}

fn encode(image: &RgbImage) -> Result<Vec<u8>, Refusal> {
    let mut jpeg = mozjpeg::Compress::new(mozjpeg::ColorSpace::JCS_RGB);
    // What makes files smaller by a few per cent takes many times the time.
    jpeg.set_fastest_defaults();
    jpeg.set_size(image.width() as usize, image.height() as usize);
    jpeg.set_quality(QUALITY);
    let encode = || {
        let mut started = jpeg.start_compress(Vec::with_capacity(64 << 10))?;
        started.write_scanlines(image.as_raw())?;
        started.finish()
    };
    encode().map_err(|_| Refusal::Damaged)
}
