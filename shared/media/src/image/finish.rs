//! Turns decoded pixels of any format into a thumbnail: resizes them, converts them to sRGB, turns them upright and
//! encodes them as JPEG.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3, U8x4};
use fast_image_resize::{PixelTrait, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use moxcms::{ColorProfile, DataColorSpace, Layout as IccLayout, ToneReprCurve, TransformOptions};

use super::raster::{Layout, Raster, multiply};
use super::{Refusal, Thumbnail, ratio};

/// JPEG quality of thumbnails, on libjpeg's scale of 1 to 100.
const QUALITY: f32 = 80.0;

/// Largest colour profile that is used, in bytes; larger ones are ignored. The largest real ones, printer profiles,
/// have about 2 MiB.
const MAX_ICC_BYTES: usize = 4 << 20;

pub(super) fn finish(raster: Raster) -> Result<Thumbnail, Refusal> {
    let raster = resize(raster)?;
    let (orientation, image_size) = (raster.orientation, upright_size(raster.full, raster.orientation));
    let upright = turn_upright(to_srgb(raster)?, orientation);
    let (width, height) = upright.dimensions();
    Ok(Thumbnail { jpeg: encode(&upright)?, width, height, image_size })
}

fn resize(mut raster: Raster) -> Result<Raster, Refusal> {
    let (width, height) = thumbnail_size(raster.full);
    if (width, height) == (raster.width, raster.height) {
        return Ok(raster);
    }
    // The typed API of fast_image_resize links only the code for these three pixel types. The untyped API would link
    // all 13, including their SIMD variants.
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
    // The fourth colour channel of CMYK is black ink, so the resizer must not treat it as alpha.
    Resizer::new().resize_typed(&source, &mut small, &ResizeOptions::new().use_alpha(false)).ok()?;
    Some(pixels)
}

/// Returns the thumbnail's width and height before it is turned upright, from those of the original image.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sides are at most 16384")]
fn thumbnail_size((width, height): (u32, u32)) -> (u32, u32) {
    let ratio = ratio(width, height);
    let fit = |side: u32| ((f64::from(side) / ratio).round() as u32).max(1);
    (fit(width), fit(height))
}

fn to_srgb(mut raster: Raster) -> Result<RgbImage, Refusal> {
    // Without a usable colour profile, the pixels are taken as sRGB.
    if let Some(converted) = raster.icc.take().and_then(|icc| convert_with_profile(&raster, &icc)) {
        raster.pixels = converted;
        raster.layout = Layout::Rgb;
    }
    let pixels = match raster.layout {
        Layout::Rgb => raster.pixels,
        Layout::Gray => raster.pixels.iter().flat_map(|gray| [*gray; 3]).collect(),
        Layout::Cmyk => {
            let light = |ink: u8, black: u8| multiply(!ink, !black);
            let pixels = raster.pixels.as_chunks::<4>().0.iter();
            pixels.flat_map(|[c, m, y, k]| [light(*c, *k), light(*m, *k), light(*y, *k)]).collect()
        }
    };
    RgbImage::from_raw(raster.width, raster.height, pixels).ok_or(Refusal::Damaged)
}

/// Converts the pixels from the colour space of an ICC profile to sRGB.
///
/// Returns `None` if the profile is sRGB already, is invalid or too large, or is meant for another kind of pixels than
/// the image has (gray, RGB or CMYK).
fn convert_with_profile(raster: &Raster, icc: &[u8]) -> Option<Vec<u8>> {
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

/// Returns whether a profile is equivalent to sRGB, as most embedded profiles are. This check takes a tenth of the time
/// of building a conversion.
fn is_srgb(profile: &ColorProfile, srgb: &ColorProfile) -> bool {
    let colorants = |profile: &ColorProfile| profile.colorant_matrix().v.into_iter().flatten();
    let curve = |curve: &Option<ToneReprCurve>| {
        let curve = curve.as_ref()?.make_linear_evaluator().ok()?;
        Some((0..=32_u8).map(move |step| curve.evaluate_value(f32::from(step) / 32.0)))
    };
    let same_curve = |a, b| curve(a).zip(curve(b)).is_some_and(|(a, b)| a.zip(b).all(|(a, b)| (a - b).abs() < 2e-4));
    // CICP data and lookup tables override colorants and curves. A profile with them does not count as sRGB, and the
    // conversion handles it.
    let only_matrix_and_curves = profile.cicp.is_none()
        && profile.lut_a_to_b_perceptual.is_none()
        && profile.lut_a_to_b_colorimetric.is_none()
        && profile.lut_a_to_b_saturation.is_none();
    only_matrix_and_curves
        && colorants(profile).zip(colorants(srgb)).all(|(a, b)| (a - b).abs() < 1e-3)
        && same_curve(&profile.red_trc, &srgb.red_trc)
        && same_curve(&profile.green_trc, &srgb.green_trc)
        && same_curve(&profile.blue_trc, &srgb.blue_trc)
}

fn turn_upright(image: RgbImage, orientation: Orientation) -> RgbImage {
    let mut image = DynamicImage::ImageRgb8(image);
    image.apply_orientation(orientation);
    image.into_rgb8()
}

/// Returns the width and height of an image after it was turned upright.
fn upright_size((width, height): (u32, u32), orientation: Orientation) -> (u32, u32) {
    match orientation {
        Orientation::NoTransforms
        | Orientation::Rotate180
        | Orientation::FlipHorizontal
        | Orientation::FlipVertical => (width, height),
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => {
            (height, width)
        }
    }
}

fn encode(image: &RgbImage) -> Result<Vec<u8>, Refusal> {
    let mut jpeg = mozjpeg::Compress::new(mozjpeg::ColorSpace::JCS_RGB);
    // mozjpeg's other settings make files a few per cent smaller, but take many times as long.
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
