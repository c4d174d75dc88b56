// How close a thumbnail comes to its picture: the PSNR against the picture at full size, shrunk with great care.
import { readFileSync } from 'node:fs'
import sharp from 'sharp'

/** Of each thumbnail, in dB. Neither side had a hand in what they are compared with. */
export async function likeness(file, thumbnails) {
  const small = await Promise.all(thumbnails.map((thumbnail) => decoded(thumbnail)))
  const [{ width, height }] = small
  for (const other of small) {
    if (other.width !== width || other.height !== height) throw new Error(`${file}: thumbnails of different sizes`)
  }
  const reference = shrunk(await decoded(file), width, height)
  return small.map(({ data }) => {
    const error = data.reduce((sum, value, at) => sum + (value - reference[at]) ** 2, 0) / data.length
    return 10 * Math.log10(255 ** 2 / error)
  })
}

/** Upright, in sRGB, on white; every pixel there is. */
async function decoded(file) {
  const image = sharp(readFileSync(file)).autoOrient().flatten({ background: '#fff' }).toColourspace('srgb')
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true })
  if (info.channels !== 3) throw new Error(`${file}: ${info.channels} channels`)
  return { data, width: info.width, height: info.height }
}

/** Through a Lanczos filter of three lobes, each way once, and not rounded. */
function shrunk({ data, width, height }, toWidth, toHeight) {
  const across = new Float32Array(toWidth * height * 3)
  weights(width, toWidth).forEach(({ first, shares }, x) => {
    for (let y = 0; y < height; y++) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0
        for (let i = 0, at = (y * width + first) * 3 + channel; i < shares.length; i++, at += 3) sum += data[at] * shares[i]
        across[(y * toWidth + x) * 3 + channel] = sum
      }
    }
  })
  const row = toWidth * 3
  const down = new Float32Array(row * toHeight)
  weights(height, toHeight).forEach(({ first, shares }, y) => {
    for (let at = 0; at < row; at++) {
      let sum = 0
      for (let i = 0; i < shares.length; i++) sum += across[(first + i) * row + at] * shares[i]
      // Past black and white, where the filter overshoots, there is nothing that a thumbnail could show.
      down[y * row + at] = Math.min(Math.max(sum, 0), 255)
    }
  })
  return down
}

/** For each of `to` pixels: which of `from` make it, and with what share. */
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
    return { first, shares: Float64Array.from(heights, (height) => height / total) }
  })
}
