// Measures the quality of a thumbnail: its PSNR against the full picture, scaled down with a Lanczos filter.
import { readFileSync } from 'node:fs'
import sharp from 'sharp'

/**
 * Returns the PSNR of each thumbnail of `file` in dB. The scaled-down reference is computed by this module and not by
 * one of the compared libraries, so it favours neither of them.
 */
export async function psnrOf(file, thumbnails) {
  const small = await Promise.all(thumbnails.map((thumbnail) => decoded(thumbnail)))
  const [{ width, height }] = small
  for (const other of small) {
    if (other.width !== width || other.height !== height) throw new Error(`${file}: the thumbnails have different sizes`)
  }
  const reference = scaledDown(await decoded(file), width, height)
  return small.map(({ data }) => {
    const error = data.reduce((sum, value, at) => sum + (value - reference[at]) ** 2, 0) / data.length
    return 10 * Math.log10(255 ** 2 / error)
  })
}

/** Returns all pixels of an image: upright, in sRGB, on a white background. */
async function decoded(file) {
  const image = sharp(readFileSync(file)).autoOrient().flatten({ background: '#fff' }).toColourspace('srgb')
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true })
  if (info.channels !== 3) throw new Error(`${file}: ${info.channels} colour channels instead of 3`)
  return { data, width: info.width, height: info.height }
}

/** Scales an image down with a three-lobe Lanczos filter, first horizontally, then vertically, without rounding. */
function scaledDown({ data, width, height }, toWidth, toHeight) {
  const across = new Float32Array(toWidth * height * 3)
  weights(width, toWidth).forEach(({ first, factors }, x) => {
    for (let y = 0; y < height; y++) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0
        for (let i = 0, at = (y * width + first) * 3 + channel; i < factors.length; i++, at += 3) sum += data[at] * factors[i]
        across[(y * toWidth + x) * 3 + channel] = sum
      }
    }
  })
  const row = toWidth * 3
  const down = new Float32Array(row * toHeight)
  weights(height, toHeight).forEach(({ first, factors }, y) => {
    for (let at = 0; at < row; at++) {
      let sum = 0
      for (let i = 0; i < factors.length; i++) sum += across[(first + i) * row + at] * factors[i]
      // The Lanczos filter overshoots black and white, which a thumbnail cannot show. So the sum is clamped.
      down[y * row + at] = Math.min(Math.max(sum, 0), 255)
    }
  })
  return down
}

/**
 * Returns for each of the `to` pixels of a scaled row or column: the index of the first of the `from` pixels that
 * contribute to it, and the weights of all contributing pixels.
 */
function weights(from, to) {
  const scale = from / to
  const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))
  return Array.from({ length: to }, (_, pixel) => {
    const center = (pixel + 0.5) * scale - 0.5
    const first = Math.max(Math.ceil(center - 3 * scale), 0)
    const last = Math.min(Math.floor(center + 3 * scale), from - 1)
    const heights = Array.from({ length: last - first + 1 }, (_, i) => {
      const x = (first + i - center) / scale
      return sinc(x) * sinc(x / 3)
    })
    const total = heights.reduce((sum, height) => sum + height, 0)
    return { first, factors: Float64Array.from(heights, (height) => height / total) }
  })
}
