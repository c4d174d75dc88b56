// Creates test pictures like a family's photos, with soft shapes, edges and grain. They are the same in every run.
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'

const LARGE_JPEG = { ratio: 0.8 }
const PNG = { ratio: 0.6 }
const WEBP = { ratio: 0.75 }

/**
 * Creates each picture if it does not exist. Yields its name, file, size in bytes and goal. The goal is at most `ratio`
 * times sharp's CPU time and at most `mib` MiB of peak memory.
 */
export async function* pictures(folder) {
  const pixelsByWidth = new Map()
  const photo = (width, height) => {
    if (!pixelsByWidth.has(width)) pixelsByWidth.set(width, pixels(width, height))
    return sharp(pixelsByWidth.get(width), { raw: { width, height, channels: 3 } })
  }
  const rotated = (image) => image.withMetadata({ orientation: 6 })
  const progressive = true
  const all = {
    'JPEG 12 MP': [() => rotated(photo(4000, 3000)).jpeg({ quality: 88 }), { ...LARGE_JPEG, mib: 20 }],
    'JPEG 12 MP progressive': [() => rotated(photo(4000, 3000)).jpeg({ quality: 88, progressive }), LARGE_JPEG],
    'JPEG 24 MP': [() => rotated(photo(6000, 4000)).jpeg({ quality: 88 }), LARGE_JPEG],
    'JPEG 24 MP progressive': [() => rotated(photo(6000, 4000)).jpeg({ quality: 88, progressive }), LARGE_JPEG],
    'JPEG 2 MP': [() => rotated(photo(1600, 1200)).jpeg({ quality: 85 })],
    'PNG 2560 × 1440': [() => screen(2560, 1440).png(), PNG],
    'PNG 2560 × 1440, alpha': [() => screen(2560, 1440).ensureAlpha(0.5).png(), PNG],
    'WebP 12 MP': [() => photo(4000, 3000).webp({ quality: 80 }), WEBP],
    'WebP 2 MP': [() => photo(1600, 1200).webp({ quality: 80 }), WEBP],
    'GIF 1 MP': [() => photo(1200, 900).gif()],
    'TIFF 12 MP, LZW': [() => photo(4000, 3000).tiff({ compression: 'lzw' })],
  }
  for (const [name, [make, goal]] of Object.entries(all)) {
    const file = join(folder, name.replace(/\W+/g, '-').toLowerCase())
    if (!existsSync(file)) await make().toFile(file)
    yield { name, file, size: statSync(file).size, goal }
  }
}

/** Returns the pixels of an artificial photo: waves of many sizes, discs with hard edges, and sensor noise. */
function pixels(width, height) {
  const random = generator(7)
  const discs = Array.from({ length: 16 }, () => [random() * width, random() * height, random() ** 2 * width / 4])
  const data = Buffer.alloc(width * height * 3)
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let tone = 128 + 60 * Math.sin(x / 310 + y / 470) + 25 * Math.sin(x / 23 - y / 41) + 9 * Math.sin(x / 3.1 + y / 5.3)
      for (const [dx, dy, radius] of discs) {
        if ((x - dx) ** 2 + (y - dy) ** 2 < radius ** 2) tone = 255 - tone
      }
      const grain = (random() + random() - 1) * 10
      data[at++] = clamp(tone + grain + 20)
      data[at++] = clamp(tone * 0.8 + grain + 30)
      data[at++] = clamp(160 - tone * 0.4 + grain + 30)
    }
  }
  return data
}

/** Returns an artificial screenshot: panels and lines of text. */
function screen(width, height) {
  const random = generator(11)
  const parts = []
  for (let i = 0; i < 40; i++) {
    const [x, y] = [random() * width, random() * height].map(Math.round)
    const hue = Math.round(random() * 360)
    parts.push(`<rect x="${x}" y="${y}" width="${width / 5}" height="${height / 6}" rx="12" fill="hsl(${hue} 60% 85%)"/>`)
    for (let line = 1; line < 8; line++) {
      const words = Array.from({ length: 6 }, () => random().toString(36).slice(2, 9)).join(' ')
      parts.push(`<text x="${x + 10}" y="${y + line * 26}" font-size="20" font-family="sans-serif">${words}</text>`)
    }
  }
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#fafafa"/>${parts.join('')}</svg>`
  return sharp(Buffer.from(svg)).flatten({ background: '#fff' })
}

function clamp(value) {
  return value < 0 ? 0 : value > 255 ? 255 : value
}

/** Returns a random number generator (Mulberry32). The same seed gives the same numbers. */
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
