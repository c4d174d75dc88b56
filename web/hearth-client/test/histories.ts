/**
 * Runs the histories of seeds 1 to `SEEDS`, then the special histories, which have seed 0: without faults, with calls
 * of `follow` during a subscription, with devices that change the same setting, with changes of messages during the
 * loading of pages, and with many threads. With `SEED`, runs only that seed. Does not use node:test, because its hooks
 * on every promise make the histories twice as slow.
 */
import { runChangeRaces } from "./support/change-races.js";
import { runDisagreements } from "./support/disagreements.js";
import { runFaultFree, runLateFollowers } from "./support/fault-free.js";
import { runHistory } from "./support/history.js";
import { runManyThreads } from "./support/many-threads.js";

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
  await runFaultFree()
    .then(runLateFollowers)
    .then(runDisagreements)
    .then(runChangeRaces)
    .then(async () => {
      for (let n = 1; n <= 10; n += 1) await runManyThreads(n);
    })
    .catch((error: unknown) => fail(seed, error));
}
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(
  `${last - first + 1} histories in ${seconds} s: every message was delivered once and in order, and all sockets and timers were closed.`,
);

function fail(seed: number, error: unknown): never {
  console.error(`seed ${seed} failed. To replay it: SEED=${seed} npm run histories -w hearth-client\n`, error);
  process.exit(1);
}
