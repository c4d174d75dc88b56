import assert from "node:assert/strict";
import { test } from "node:test";
import { deviceFixture } from "./support/device-fixture.js";

const SECOND = 1_000;

/** Returns a fixture in which sarah and dad have the same thread open. */
async function typingFixture() {
  const fixture = deviceFixture();
  const view = fixture.openThread();
  const dad = fixture.addDevice("dad-phone", "dad");
  dad.open("thread_1");
  const dadsView = dad.views.get("thread_1");
  assert.ok(dadsView !== undefined);
  await fixture.clock.advance(5 * SECOND);
  return { ...fixture, view, dad, dadsView };
}

test("a user is shown as typing for 15 seconds after the last frame, on other users' devices only", async () => {
  const { clock, addDevice, device, view, dad, dadsView } = await typingFixture();
  const tablet = addDevice("tablet", "sarah");
  tablet.open("thread_1");
  await clock.advance(5 * SECOND);
  view.setTyping();
  await clock.advance(4 * SECOND);
  assert.deepEqual(dadsView.getSnapshot().typing, ["sarah"]);
  for (const other of [view, tablet.views.get("thread_1")]) assert.deepEqual(other?.getSnapshot().typing, []);
  await clock.advance(7 * SECOND);
  view.setTyping();
  await clock.advance(14 * SECOND);
  assert.deepEqual(dadsView.getSnapshot().typing, ["sarah"]);
  await clock.advance(5 * SECOND);
  assert.deepEqual(dadsView.getSnapshot().typing, []);
  for (const closing of [device, tablet, dad]) closing.close();
  await clock.advance(0);
  assert.equal(clock.pending("dad-phone"), 0);
});

test("a message ends its author's typing, and the next key press starts it again", async () => {
  const { clock, server, device, view, dad, dadsView } = await typingFixture();
  view.setTyping();
  await clock.advance(6 * SECOND);
  device.send("thread_1", "hello");
  await clock.advance(SECOND);
  assert.deepEqual(dadsView.getSnapshot().typing, []);
  view.setTyping();
  await clock.advance(4 * SECOND);
  assert.deepEqual(dadsView.getSnapshot().typing, ["sarah"]);
  assert.equal(server.droppedTyping, 0);
  for (const closing of [device, dad]) closing.close();
});

test("at most one typing frame is sent in 10 seconds, and none before the thread is subscribed", async () => {
  const { clock, server, device, openThread, connection } = deviceFixture({}, 60 * 60 * SECOND, { list: true });
  await clock.advance(5 * SECOND);
  assert.equal(connection().status, "live");
  const view = openThread();
  view.setTyping();
  await clock.advance(5 * SECOND);
  assert.equal(server.typingFrames, 0);
  for (let n = 0; n < 100; n += 1) {
    view.setTyping();
    await clock.advance(200);
  }
  await clock.advance(5 * SECOND);
  assert.equal(server.typingFrames, 2);
  for (const socket of device.sockets) socket.dieSilently();
  device.setNetwork(false, true);
  view.setTyping();
  await clock.advance(SECOND);
  assert.equal(server.typingFrames, 2);
  device.close();
});
