import assert from "node:assert/strict";
import { Clock } from "./clock.js";
import { Device } from "./device.js";
import { FakeServer } from "./fake-server.js";
import { NO_FAULTS } from "./faults.js";
import { Random } from "./random.js";

const SECOND = 1_000;

/**
 * Runs 300 histories. Two devices of a user archive and unarchive the same thread within moments, while requests are
 * slow. They also open and close the thread, because opening fetches its settings. In the end, both devices must show
 * the settings that the server has stored last, although they have not connected again.
 */
export async function runDisagreements(): Promise<void> {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = new Random(seed);
    const clock = new Clock();
    const server = new FakeServer(clock, random.fork(), { ...NO_FAULTS, slow: 0.5 });
    server.backend.addThread("thread_1", ["sarah", "dad"]);
    const options = { user: "sarah", tokenLifetime: 3_600 * SECOND, list: true, archivedList: true };
    const devices = ["phone", "tablet"].map((name) => new Device(server, random.fork(), { name, ...options }));
    await clock.advance(20 * SECOND);
    for (let n = random.int(2, 8); n > 0; n -= 1) {
      const device = random.pick(devices);
      if (random.chance(0.7)) device.set("thread_1", { archived: random.chance(0.5) });
      else if (random.chance(0.5)) device.open("thread_1");
      else device.closeView("thread_1");
      await clock.advance(random.int(0, 2 * SECOND));
    }
    await clock.advance(60 * SECOND);
    for (const { name, lists, failures } of devices) {
      const shown = lists.map((list) => list.getSnapshot().threads);
      const stored = [false, true].map((archived) => server.backend.list("sarah", archived));
      assert.deepEqual(shown, stored, `disagreements, seed ${seed}: ${name}`);
      assert.deepEqual(failures, []);
    }
    for (const device of devices) device.close();
  }
}
