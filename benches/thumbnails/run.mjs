// Thumbnails beside sharp (libvips): `node benches/thumbnails/run.mjs`, from anywhere.
//
// Installs sharp beside the pictures it makes, under .local/bench, builds our side, and prints a Markdown table:
// the median CPU time of a thumbnail, and the peak memory of a fresh process that makes one.
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const RUNS = 15
const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '../..')
const cache = join(root, '.local/bench')
const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target')
const ours = join(target, 'release/examples/thumbnail')
const quiet = { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] }

mkdirSync(cache, { recursive: true })
for (const file of ['package.json', 'pictures.mjs', 'peer.mjs']) copyFileSync(join(here, file), join(cache, file))
if (!existsSync(join(cache, 'node_modules/sharp'))) {
  execFileSync('npm', ['install', '--no-audit', '--no-fund'], { ...quiet, cwd: cache })
}
execFileSync('cargo', ['build', '--release', '--package', 'media', '--example', 'thumbnail'], quiet)

const sharp = createRequire(join(cache, 'package.json'))('sharp')
const { pictures } = await import(join(cache, 'pictures.mjs'))

/** What a side needs for a picture: CPU time of many runs, memory of the first alone. */
function measure([command, ...args], file) {
  const run = (runs) => execFileSync(command, [...args, file, runs], { encoding: 'utf8' }).split(' ').map(Number)
  return { ms: run(RUNS)[0], mib: run(1)[1] }
}

/** Both sides in turns, the best of three each, so that what else the machine does weighs on neither. */
function compare(file) {
  const sides = [[ours], [process.execPath, join(cache, 'peer.mjs')]]
  const rounds = [1, 2, 3].map(() => sides.map((side) => measure(side, file)))
  return sides.map((_, side) => rounds.map((round) => round[side]).sort((a, b) => a.ms - b.ms)[0])
}

console.log(`sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}; median of ${RUNS} runs, one thread\n`)
console.log('| picture | MB | CPU ms | sharp | ratio | peak MiB | sharp |')
console.log('| --- | --- | --- | --- | --- | --- | --- |')
for await (const { name, file, size } of pictures(sharp, cache)) {
  const [we, they] = compare(file)
  const row = [name, (size / 1e6).toFixed(1), we.ms.toFixed(1), they.ms.toFixed(1), (we.ms / they.ms).toFixed(2)]
  console.log(`| ${[...row, we.mib.toFixed(0), they.mib.toFixed(0)].join(' | ')} |`)
}
