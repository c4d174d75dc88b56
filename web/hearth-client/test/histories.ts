/**
 * Runs histories of seeds 1 to `SEEDS` and then the calm ones, which are seed 0; or that of `SEED`. Not under node:test:
 * its hooks on every promise make it twice as slow.
 */
import { runCalm, runJoining } from "./support/calm.js";
import { runHistory } from "./support/history.js";

const { SEED, SEEDS = "200" } = process.env;
const [first, last] = SEED === undefined ? [1, Number(SEEDS)] : [Number(SEED), Number(SEED)];
const started = performance.now();

for (const event of ["uncaughtException", "unhandledRejection"]) process.on(event, (error) => fail(seed, error));

let seed = first;
for (; seed <= last && seed > 0; seed += 1) {
  await runHistory(seed).catch((error: unknown) => fail(seed, error));
  if (seed % 50 === 0) console.log(`${seed} of ${last} histories`);
}
seed = 0;
if (SEED === undefined || SEED === "0") {
  await runCalm()
    .then(runJoining)
    .catch((error: unknown) => fail(seed, error));
}
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`${last - first + 1} histories in ${seconds} s: every message once, in order, and nothing left over.`);

function fail(seed: number, error: unknown): never {
  console.error(`seed ${seed} failed; SEED=${seed} npm run histories -w hearth-client replays it:\n`, error);
  process.exit(1);
}
