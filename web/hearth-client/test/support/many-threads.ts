import assert from "node:assert/strict";
import { Clock } from "./clock.js";
import { Device } from "./device.js";
import { FakeServer } from "./fake-server.js";
import { HOSTILE, NO_FAULTS } from "./faults.js";
import { Random } from "./random.js";

const MINUTE = 60_000;
const THREADS = 40;
/**
 * A new AWS account may allow only 10 concurrent invocations of functions. Each frame needs one, so five at once leave
 * room for REST requests and for other clients.
 */
const MAX_UNHANDLED_FRAMES = 5;

/**
 * Runs one device with 40 open threads, at first with faults. The server must never have to handle more than five
 * subscribes and unsubscribes of the device at once. In the end, the device must be subscribed to all threads.
 */
export async function runManyThreads(seed: number): Promise<void> {
  const random = new Random(seed);
  const clock = new Clock();
  const server = new FakeServer(clock, random.fork(), HOSTILE);
  const threadIds = Array.from({ length: THREADS }, (_, n) => `thread_${n}`);
  for (const threadId of threadIds) server.backend.addThread(threadId, ["sarah", "dad"]);
  const options = { name: "phone", user: "sarah", tokenLifetime: 3 * MINUTE, list: true };
  const device = new Device(server, random.fork(), options);
  for (const threadId of threadIds) device.follow(threadId);
  for (let n = 0; n < 20; n += 1) {
    await clock.advance(random.int(0, 2 * MINUTE));
    const threadId = random.pick(threadIds);
    device.open(threadId);
    if (random.chance(0.5)) device.closeView(threadId);
    if (random.chance(0.2)) device.reload();
  }
  server.faults = NO_FAULTS;
  // Open threads while the client replaces its socket. It does so every two minutes, because its token expires after
  // three.
  for (let n = 0; n < 100; n += 1) {
    await clock.advance(random.int(0, 30_000));
    const threadId = random.pick(threadIds);
    device.open(threadId);
    if (random.chance(0.5)) device.closeView(threadId);
  }
  await clock.advance(MINUTE);
  assert.equal(device.client.connection.getSnapshot().status, "live");
  const incomplete = () => device.sockets.filter(({ alive, channels }) => alive && channels.size !== THREADS + 2);
  // Wait up to a minute, because a socket that replaces another may still be subscribing.
  for (let n = 0; n < 60 && incomplete().length > 0; n += 1) await clock.advance(1_000);
  assert.equal(incomplete().length, 0, "the device must be subscribed to all threads");
  const most = server.mostUnhandledFrames;
  assert.ok(most <= MAX_UNHANDLED_FRAMES, `the server had to handle ${most} frames of one device at once`);
  assert.ok(most > 1, "the device must not wait for each answer before the next subscribe");
  assert.deepEqual(device.failures, []);
  device.close();
  await clock.advance(0);
  assert.equal(clock.pending(device.name), 0, "the client has left timers behind");
}
