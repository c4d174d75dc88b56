import assert from "node:assert/strict";
import { Clock } from "./clock.js";
import { Device } from "./device.js";
import { FakeServer } from "./fake-server.js";
import { NO_FAULTS } from "./faults.js";
import { Random } from "./random.js";

const MINUTE = 60_000;

/**
 * Runs one device for about seven hours without faults. The fake server closes sockets after two hours, and after ten
 * minutes without a frame. Tokens expire after one hour. The client must stay `live` all the time.
 */
export async function runFaultFree(): Promise<void> {
  const random = new Random(0);
  const clock = new Clock();
  const server = new FakeServer(clock, random.fork(), NO_FAULTS);
  server.backend.addThread("thread_family", ["sarah", "dad"]);
  const device = new Device(server, random.fork(), {
    name: "sarah-phone",
    user: "sarah",
    tokenLifetime: 60 * MINUTE,
    list: true,
  });
  device.open("thread_family");
  device.follow("thread_family");
  await clock.advance(5_000);
  assert.equal(device.statuses.pop(), "live");
  device.statuses.length = 0;
  for (let n = 1; n <= 60; n += 1) {
    await clock.advance(random.int(1, 13) * MINUTE);
    server.backend.commit("thread_family", "dad", `message ${n}`);
    await clock.advance(1_000);
    assert.equal(
      device.views.get("thread_family")?.getSnapshot().messages.length,
      n,
      `message ${n} must arrive within a second`,
    );
    assert.equal(device.followed.get("thread_family"), n);
  }
  assert.deepEqual(new Set(device.statuses), new Set(["live"]), "the status must always be live");
  assert.deepEqual(device.failures, []);
  device.close();
  await clock.advance(0);
  assert.equal(clock.pending(device.name), 0, "the client has left timers behind");
}

/**
 * Runs 200 histories. At random moments while a client subscribes to an open thread, commits a message and then calls
 * `client.follow` for the thread. `client.follow` must deliver the message once.
 */
export async function runLateFollowers(): Promise<void> {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = new Random(seed);
    const clock = new Clock();
    const server = new FakeServer(clock, random.fork(), NO_FAULTS);
    server.backend.addThread("thread_1", ["sarah", "dad"]);
    const options = { name: "phone", user: "sarah", tokenLifetime: 60 * MINUTE, list: false };
    const device = new Device(server, random.fork(), options);
    device.open("thread_1");
    await clock.advance(random.int(0, 600));
    server.backend.commit("thread_1", "dad", "hello");
    await clock.advance(random.int(0, 300));
    device.follow("thread_1");
    await clock.advance(10_000);
    assert.equal(device.followed.get("thread_1"), 1, `late follower, seed ${seed}: the message is missing`);
    device.close();
  }
}
