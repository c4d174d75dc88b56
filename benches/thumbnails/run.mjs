// Thumbnails beside sharp (libvips): `node benches/thumbnails/run.mjs [--json FILE]`, from anywhere.
//
// Installs sharp, builds our side, makes the pictures (in .local/bench), and prints a Markdown table: the median CPU
// time of a thumbnail, the peak memory of a fresh process that makes one, and how close it comes to the picture.
// The limit is what our decoder takes alone, over the whole file, at the scale we choose where it has scales. Only for
// large progressive JPEGs are we below it: parts of those are left out.
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
const sides = { ours: [example], peer: [process.execPath, join(here, 'peer.mjs')], limit: [example, '--bare'] }
const { values: options } = parseArgs({ options: { json: { type: 'string' } } })

const quiet = { stdio: ['ignore', 'ignore', 'inherit'] }
execFileSync('npm', ['ci', '--prefer-offline'], { ...quiet, cwd: here })
execFileSync('cargo', ['build', '--release', '--package', 'media', '--example', 'thumbnail'], { ...quiet, cwd: root })
mkdirSync(folder, { recursive: true })

const { default: sharp } = await import('sharp')
const { pictures } = await import('./pictures.mjs')
const { likeness } = await import('./likeness.mjs')

/** CPU time in ms and peak memory in MiB. */
function run(side, ...args) {
  const [command, ...before] = sides[side]
  const [ms, mib] = execFileSync(command, [...before, ...args], { encoding: 'utf8' }).split(' ').map(Number)
  return { ms, mib }
}

/** The sides in turns, the best of some rounds each, so that what else the machine does weighs on none. */
function cpuMs(file) {
  const rounds = Array.from({ length: ROUNDS }, () => Object.keys(sides).map((side) => run(side, file, RUNS).ms))
  return Object.fromEntries(Object.keys(sides).map((side, at) => [side, Math.min(...rounds.map((round) => round[at]))]))
}

/** Of a process that makes one thumbnail, and that thumbnail's likeness to the picture. */
async function memoryAndLikeness(file) {
  const thumbnails = ['ours', 'peer'].map((side) => ({ side, out: `${file}.${side}.jpeg` }))
  const [ours, peer] = thumbnails.map(({ side, out }) => run(side, file, 1, out).mib)
  const [oursDb, peerDb] = await likeness(file, thumbnails.map(({ out }) => out))
  return { peakMib: { ours, peer }, psnr: { ours: oursDb, peer: peerDb } }
}

const results = []
const rows = []
for await (const { name, file, size, goal } of pictures(folder)) {
  process.stderr.write(`${name}\n`)
  const ms = cpuMs(file)
  const ratio = ms.ours / ms.peer
  const { peakMib, psnr } = await memoryAndLikeness(file)
  results.push({ picture: name, megabytes: size / 1e6, cpuMs: ms, ratio, goal: goal?.ratio ?? null, peakMib, psnr })
  const wanted = [goal && `≤ ${goal.ratio} of sharp's CPU`, goal?.mib && `≤ ${goal.mib} MiB`].filter(Boolean).join(', ')
  const met = ratio <= (goal?.ratio ?? Infinity) && peakMib.ours <= (goal?.mib ?? Infinity)
  rows.push([
    name, (size / 1e6).toFixed(1), ms.ours.toFixed(1), ms.peer.toFixed(1), ms.limit.toFixed(1), ratio.toFixed(2),
    peakMib.ours.toFixed(0), peakMib.peer.toFixed(0), psnr.ours.toFixed(1), psnr.peer.toFixed(1),
    goal ? `${wanted}: ${met ? 'met' : 'missed'}` : '',
  ])
}

const { sharp: version, vips } = sharp.versions
console.log(`sharp ${version}, libvips ${vips}; the best of ${ROUNDS} medians of ${RUNS} runs, one thread\n`)
const head = ['picture', 'MB', 'CPU ms', 'sharp', 'limit', 'ratio', 'peak MiB', 'sharp', 'PSNR dB', 'sharp', 'goal']
for (const row of [head, head.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`)
if (options.json) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`)
