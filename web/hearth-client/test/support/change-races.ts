import assert from "node:assert/strict";
import type { ThreadView } from "../../src/index.js";
import { changeOnDevice, changeOnServer, EMOJIS, pickSeq } from "./changing.js";
import { Clock } from "./clock.js";
import { Device } from "./device.js";
import { FakeServer } from "./fake-server.js";
import { NO_FAULTS } from "./faults.js";
import { check } from "./history-check.js";
import { Random } from "./random.js";
import type { StoredThread } from "./stored-thread.js";

const SECOND = 1_000;
const FAULTS = { ...NO_FAULTS, slow: 0.4, pushLate: 0.3, pushTwice: 0.1, changeLost: 0.1 };

/**
 * Runs 400 histories. Two devices of a user load pages of messages and reconnect while many messages are changed,
 * requests are slow and pushes are late. So a page often lacks a change that the device has already received, and a
 * change is often pushed before its message.
 */
export async function runChangeRaces(): Promise<void> {
  for (let seed = 1; seed <= 400; seed += 1) {
    const random = new Random(seed);
    const clock = new Clock();
    const server = new FakeServer(clock, random.fork(), FAULTS);
    const { backend } = server;
    backend.maxBehind = random.pick([3, 1_000]);
    backend.changePageSize = 2;
    const thread = backend.addThread("thread_1", ["sarah", "dad"]);
    const archived = backend.addThread("thread_2", ["sarah", "dad"]);
    backend.commit("thread_2", "dad", "an old message");
    for (let n = random.int(1, 130); n > 0; n -= 1) reply(backend, random, thread, `old message ${n}`);
    if (random.chance(0.5)) changeOnServer(server, random, thread, 0);
    await clock.advance(60 * SECOND);
    const options = { user: "sarah", tokenLifetime: 3_600 * SECOND, list: true };
    const devices = ["phone", "tablet"].map((name) => new Device(server, random.fork(), { name, ...options }));
    const others: ThreadView[] = [];
    for (let n = random.int(8, 20); n > 0; n -= 1) {
      const device = random.pick(devices);
      const choice = random.int(0, 13);
      if (choice < 3) changeOnServer(server, random, thread, n);
      else if (choice < 4) reply(backend, random, thread, `reply ${n}`);
      else if (choice < 5) device.open("thread_1");
      else if (choice < 7)
        device.views
          .get("thread_1")
          ?.loadOlder()
          .catch(() => {});
      else if (choice < 8) others.push(device.client.openThread("thread_1"));
      else if (choice < 9) changeOnDevice(random, device, "thread_1", n);
      else if (choice < 10) device.setNetwork(!device.network.up, true);
      else if (choice < 11) device.set("thread_2", { archived: random.chance(0.5) });
      else if (choice < 12) changeOnServer(server, random, archived, n);
      else {
        // Change messages while pages are being loaded, and the device subscribes to the thread or connects again.
        if (random.chance(0.5)) device.closeView("thread_1");
        device.open("thread_1");
        await clock.advance(random.int(0, 400));
        if (random.chance(0.5)) for (const socket of device.sockets) socket.closeByServer();
        device.views
          .get("thread_1")
          ?.loadOlder()
          .catch(() => {});
        await clock.advance(random.int(0, 100));
        changeOnServer(server, random, thread, n);
        changeOnServer(server, random, thread, n + 100);
      }
      await clock.advance(random.chance(0.3) ? 0 : random.int(0, 3 * SECOND));
    }
    await end(server, devices);
    const messages = backend.messages("thread_1");
    for (const view of others) {
      const shown = view.getSnapshot().messages;
      assert.deepEqual(shown, messages.slice(-shown.length), `change races, seed ${seed}: a second view`);
    }
    for (const { failures } of devices) assert.deepEqual(failures, [], `change races, seed ${seed}`);
    try {
      check(server, devices);
    } catch (error) {
      throw new Error(`change races, seed ${seed}`, { cause: error });
    }
    for (const device of devices) device.close();
  }
}

function reply(backend: FakeServer["backend"], random: Random, { id, messages }: StoredThread, body: string): void {
  backend.commit(id, "dad", body, [], random.chance(0.5) ? pickSeq(random, messages.length) : null);
}

/** Stops the faults, waits until all late pushes have arrived, and makes the devices notice lost pushes. */
async function end(server: FakeServer, devices: Device[]): Promise<void> {
  const { backend, clock } = server;
  server.faults = NO_FAULTS;
  for (const device of devices) {
    device.setNetwork(true, true);
    device.open("thread_1");
  }
  // New changes make the devices notice that earlier ones were lost. They are made to a message that is not the last
  // one and is not quoted, so that their pushes do not correct the copy of any other message.
  const { seq } = backend.commit("thread_1", "dad", "the message before the last one");
  backend.commit("thread_1", "dad", "the last message");
  await clock.advance(60 * SECOND);
  for (const emoji of EMOJIS) backend.react("thread_1", "dad", seq, emoji);
  await clock.advance(60 * SECOND);
}
