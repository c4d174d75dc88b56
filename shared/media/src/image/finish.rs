//! The steps that all formats share: the final size, sRGB, upright, JPEG.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3, U8x4};
use fast_image_resize::{PixelTrait, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use moxcms::{ColorProfile, DataColorSpace, Layout as IccLayout, ToneReprCurve, TransformOptions};

use super::raster::{Layout, Raster, product};
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
    // Asked by value and not by type, it would come with the code of all 13 types of pixels, and their SIMD.
    raster.pixels = match raster.layout {
        Layout::Gray => resized::<U8>(&raster, width, height),
        Layout::Rgb => resized::<U8x3>(&raster, width, height),
        Layout::Cmyk => resized::<U8x4>(&raster, width, height),
    }
    .ok_or(Refusal::Damaged)?;
    (raster.width, raster.height) = (width, height);
    Ok(raster)
}

fn resized<P: PixelTrait>(raster: &Raster, width: u32, height: u32) -> Option<Vec<u8>> {
    let source = TypedImageRef::<P>::from_buffer(raster.width, raster.height, &raster.pixels).ok()?;
    let mut pixels = vec![0; width as usize * height as usize * P::size()];
    let mut small = TypedImage::<P>::from_buffer(width, height, &mut pixels).ok()?;
    // A fourth channel is black ink here, not alpha.
    Resizer::new().resize_typed(&source, &mut small, &ResizeOptions::new().use_alpha(false)).ok()?;
    Some(pixels)
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
        raster.layout = Layout::Rgb;
    }
    let pixels = match raster.layout {
        Layout::Rgb => raster.pixels,
        Layout::Gray => raster.pixels.iter().flat_map(|gray| [*gray; 3]).collect(),
        Layout::Cmyk => {
            let paper = |ink: u8, black: u8| product(!ink, !black);
            let pixels = raster.pixels.as_chunks::<4>().0.iter();
            pixels.flat_map(|[c, m, y, k]| [paper(*c, *k), paper(*m, *k), paper(*y, *k)]).collect()
        }
    };
    RgbImage::from_raw(raster.width, raster.height, pixels).ok_or(Refusal::Damaged)
}

/// The pixels in sRGB, or nothing when they are already, or the profile is broken or is of another kind of image.
fn through_profile(raster: &Raster, icc: &[u8]) -> Option<Vec<u8>> {
    if icc.len() > MAX_ICC_BYTES {
        return None;
    }
    let profile = ColorProfile::new_from_slice(icc).ok()?;
    let (space, from) = match raster.layout {
        Layout::Gray => (DataColorSpace::Gray, IccLayout::Gray),
        Layout::Rgb => (DataColorSpace::Rgb, IccLayout::Rgb),
        Layout::Cmyk => (DataColorSpace::Cmyk, IccLayout::Rgba),
    };
    if profile.color_space != space {
        return None;
    }
    let srgb = ColorProfile::new_srgb();
    if is_srgb(&profile, &srgb) {
        return None;
    }
    let transform = profile.create_transform_8bit(from, &srgb, IccLayout::Rgb, TransformOptions::default()).ok()?;
    let pixels = raster.pixels.len() / raster.layout.channels();
    let mut converted = vec![0; pixels * 3];
    transform.transform(&raster.pixels, &mut converted).ok()?;
    Some(converted)
}

/// Whether the profile is sRGB in other words, as in most photos that have one. That is seen in a tenth of the time that
/// building the conversion takes.
fn is_srgb(profile: &ColorProfile, srgb: &ColorProfile) -> bool {
    let colorants = |profile: &ColorProfile| profile.colorant_matrix().v.into_iter().flatten();
    let curve = |curve: &Option<ToneReprCurve>| {
        let curve = curve.as_ref()?.make_linear_evaluator().ok()?;
        Some((0..=32_u8).map(move |step| curve.evaluate_value(f32::from(step) / 32.0)))
    };
    let same_curve = |a, b| curve(a).zip(curve(b)).is_some_and(|(a, b)| a.zip(b).all(|(a, b)| (a - b).abs() < 2e-4));
    // What overrides colorants and curves is left to the conversion.
    let plain = profile.cicp.is_none()
        && profile.lut_a_to_b_perceptual.is_none()
        && profile.lut_a_to_b_colorimetric.is_none()
        && profile.lut_a_to_b_saturation.is_none();
    plain
        && colorants(profile).zip(colorants(srgb)).all(|(a, b)| (a - b).abs() < 1e-3)
        && same_curve(&profile.red_trc, &srgb.red_trc)
        && same_curve(&profile.green_trc, &srgb.green_trc)
        && same_curve(&profile.blue_trc, &srgb.blue_trc)
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
