// Does the same work as the example `thumbnail` of the crate media, but with sharp: `node sharp.mjs FILE RUNS [OUT]`.
// Prints the median CPU time in ms and the peak memory in MiB. Writes the thumbnail to OUT.
import { readFileSync, writeFileSync } from 'node:fs'
import sharp from 'sharp'

sharp.concurrency(1)
sharp.cache(false)

const [file, runs, out] = process.argv.slice(2)
const bytes = readFileSync(file)
const times = []
let jpeg
for (let run = 0; run < Number(runs); run++) {
  const before = process.cpuUsage()
  jpeg = await sharp(bytes)
    .autoOrient()
    .resize(480, 480, { fit: 'outside', withoutEnlargement: true })
    .flatten({ background: '#fff' })
    .jpeg({ quality: 80 })
    .toBuffer()
  const { user, system } = process.cpuUsage(before)
  times.push((user + system) / 1000)
}
times.sort((a, b) => a - b)
const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1] / 1024
console.log(times[times.length >> 1], peak)
if (out) writeFileSync(out, jpeg)
