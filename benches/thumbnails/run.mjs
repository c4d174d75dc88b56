// Compares thumbnails made by the crate media with thumbnails made by sharp (libvips), and with the floor.
//
// Usage: node benches/thumbnails/run.mjs [--json FILE]
//
// Installs sharp, builds the example program of media, and creates the pictures in .local/bench. Prints a Markdown
// table with the median CPU time of a thumbnail, the peak memory of a process that makes one, and the PSNR against the
// picture.
//
// The floor is media's decoder without scaling and encoding. It decodes the whole file, at a reduced size if the
// decoder offers one. For large progressive JPEGs media can be faster than the floor, because it skips parts of the
// file.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const RUNS = 11
const ROUNDS = 3
const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '../..')
const folder = join(root, '.local/bench')
const example = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'release/examples/thumbnail')
const sides = { media: [example], sharp: [process.execPath, join(here, 'sharp.mjs')], floor: [example, '--bare'] }
const { values: options } = parseArgs({ options: { json: { type: 'string' } } })

const quiet = { stdio: ['ignore', 'ignore', 'inherit'] }
execFileSync('npm', ['ci', '--prefer-offline'], { ...quiet, cwd: here })
execFileSync('cargo', ['build', '--release', '--package', 'media', '--example', 'thumbnail'], { ...quiet, cwd: root })
mkdirSync(folder, { recursive: true })

const { default: sharp } = await import('sharp')
const { pictures } = await import('./pictures.mjs')
const { psnrOf } = await import('./psnr.mjs')

/** Runs one of `sides` and returns its CPU time in ms and its peak memory in MiB. */
function run(side, ...args) {
  const [command, ...fixedArgs] = sides[side]
  const [ms, mib] = execFileSync(command, [...fixedArgs, ...args], { encoding: 'utf8' }).split(' ').map(Number)
  return { ms, mib }
}

/**
 * Returns the CPU time of each of `sides` in ms: the best of several rounds. The sides take turns, so that other load
 * on the machine affects all of them.
 */
function cpuMs(file) {
  const rounds = Array.from({ length: ROUNDS }, () => Object.keys(sides).map((side) => run(side, file, RUNS).ms))
  return Object.fromEntries(Object.keys(sides).map((side, at) => [side, Math.min(...rounds.map((round) => round[at]))]))
}

/**
 * Makes one thumbnail with media and one with sharp, each in its own process. Returns the peak memory of the processes
 * in MiB and the PSNR of the thumbnails in dB.
 */
async function memoryAndPsnr(file) {
  const thumbnails = ['media', 'sharp'].map((side) => ({ side, out: `${file}.${side}.jpeg` }))
  const [mediaMib, sharpMib] = thumbnails.map(({ side, out }) => run(side, file, 1, out).mib)
  const [mediaDb, sharpDb] = await psnrOf(file, thumbnails.map(({ out }) => out))
  return { peakMib: { media: mediaMib, sharp: sharpMib }, psnr: { media: mediaDb, sharp: sharpDb } }
}

const results = []
const rows = []
for await (const { name, file, size, goal } of pictures(folder)) {
  process.stderr.write(`${name}\n`)
  const ms = cpuMs(file)
  const ratio = ms.media / ms.sharp
  const { peakMib, psnr } = await memoryAndPsnr(file)
  results.push({ picture: name, megabytes: size / 1e6, cpuMs: ms, ratio, goal: goal ?? {}, peakMib, psnr })
  const wanted = [goal?.ratio && `≤ ${goal.ratio} of sharp's CPU`, goal?.mib && `≤ ${goal.mib} MiB`].filter(Boolean).join(', ')
  const met = ratio <= (goal?.ratio ?? Infinity) && peakMib.media <= (goal?.mib ?? Infinity)
  rows.push([
    name, (size / 1e6).toFixed(1), ms.media.toFixed(1), ms.sharp.toFixed(1), ms.floor.toFixed(1), ratio.toFixed(2),
    peakMib.media.toFixed(0), peakMib.sharp.toFixed(0), psnr.media.toFixed(1), psnr.sharp.toFixed(1),
    goal ? `${wanted}: ${met ? 'met' : 'missed'}` : '',
  ])
}

const { sharp: version, vips } = sharp.versions
console.log(`sharp ${version}, libvips ${vips}; one thread, CPU times are the best of ${ROUNDS} medians of ${RUNS} runs\n`)
const head = [
  'picture', 'MB', 'CPU ms', 'sharp, CPU ms', 'floor, CPU ms', 'ratio to sharp',
  'peak MiB', 'sharp, peak MiB', 'PSNR dB', 'sharp, PSNR dB', 'goal',
]
for (const row of [head, head.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`)
if (options.json) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`)
