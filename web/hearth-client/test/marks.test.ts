import assert from "node:assert/strict";
import { test } from "node:test";
import { deviceFixture } from "./support/device-fixture.js";
import { NO_FAULTS } from "./support/faults.js";

const SECOND = 1_000;

/**
 * Returns a fixture with an open thread that has `messages` messages. `requests` returns the number of requests that
 * store a read mark, and `stored` the caller's read mark on the server.
 */
async function markFixture(messages: number) {
  const fixture = deviceFixture();
  const { clock, server, commit, openThread } = fixture;
  for (let n = 1; n <= messages; n += 1) commit(`${n}`);
  const view = openThread();
  await clock.advance(3 * SECOND);
  const requests = () => server.requests.filter((request) => request.startsWith("PUT")).length;
  const stored = () => server.backend.threads.get("thread_1")?.member("sarah").readSeq;
  return { ...fixture, view, requests, stored };
}

test("marks are shown at once, and the last one of two seconds is stored", async () => {
  const { clock, device, view, requests, stored } = await markFixture(9);
  for (const [seq, shown] of [
    [2, 2],
    [5, 5],
    [3, 5],
  ] as const) {
    view.markRead(seq);
    assert.equal(view.getSnapshot().readSeq, shown);
    await clock.advance(500);
  }
  assert.deepEqual([requests(), stored()], [0, 0]);
  await clock.advance(SECOND);
  assert.deepEqual([requests(), stored()], [1, 5]);
  view.markRead(5);
  view.markRead(4);
  await clock.advance(5 * SECOND);
  assert.equal(requests(), 1, "a mark that is stored already must not be stored again");
  view.markRead();
  assert.equal(view.getSnapshot().readSeq, 9);
  await clock.advance(3 * SECOND);
  assert.deepEqual([requests(), stored()], [2, 9]);
  assert.deepEqual(view.getSnapshot().reads, [
    { userId: "sarah", seq: 9 },
    { userId: "dad", seq: 9 },
  ]);
  device.close();
});

test("a mark beyond the loaded messages is limited to them", async () => {
  const { clock, device, view, stored } = await markFixture(3);
  view.markRead(1_000);
  assert.equal(view.getSnapshot().readSeq, 3);
  await clock.advance(3 * SECOND);
  assert.equal(stored(), 3);
  assert.deepEqual(device.failures, []);
  device.close();
});

test("marks are stored at once when the page is hidden, and the view or the client is closed", async () => {
  const { clock, server, device, commit, stored } = await markFixture(3);
  const closings = [() => device.setVisible(false), () => device.closeView("thread_1"), () => device.close()];
  for (const [index, close] of closings.entries()) {
    const { seq } = commit(`more ${index}`);
    await clock.advance(SECOND);
    device.views.get("thread_1")?.markRead();
    close();
    await clock.advance(200);
    assert.equal(stored(), seq, `closing ${index}`);
    if (index === 1) device.open("thread_1");
    if (index === 1) await clock.advance(3 * SECOND);
  }
  assert.equal(clock.pending(device.name), 0);
  assert.equal(server.requests.filter((request) => request.startsWith("PUT")).length, 3);
});

test("a mark that is added while an earlier one is being stored is stored after it", async () => {
  const { clock, device, view, requests, stored } = await markFixture(3);
  view.markRead(2);
  await clock.advance(2 * SECOND + 1);
  view.markRead(3);
  assert.equal(stored(), 0, "the request must be under way");
  await clock.advance(5 * SECOND);
  assert.deepEqual([requests(), stored()], [2, 3]);
  device.close();
});

test("a mark is retried until it is stored", async () => {
  const { clock, server, device, view, requests, stored } = await markFixture(3);
  server.faults = { ...NO_FAULTS, errorBefore: 1 };
  view.markRead(2);
  await clock.advance(20 * SECOND);
  view.markRead(3);
  assert.ok(requests() > 2, `${requests()} requests`);
  server.faults = NO_FAULTS;
  await clock.advance(35 * SECOND);
  assert.equal(stored(), 3);
  const before = requests();
  await clock.advance(60 * SECOND);
  assert.equal(requests(), before);
  device.close();
});

test("an author has read their own message, and a member who shares nothing is not in reads", async () => {
  const { clock, server, addDevice, device } = await markFixture(3);
  server.backend.secretive.add("sarah");
  device.reload();
  const dad = addDevice("dad-phone", "dad");
  dad.open("thread_1");
  await clock.advance(3 * SECOND);
  device.views.get("thread_1")?.markRead();
  await clock.advance(4 * SECOND);
  device.send("thread_1", "hello");
  await clock.advance(5 * SECOND);
  const all = (seq: number) => {
    for (const { name, views } of [dad, device]) {
      assert.deepEqual(views.get("thread_1")?.getSnapshot().reads, [{ userId: "dad", seq }], name);
    }
  };
  all(3);
  dad.views.get("thread_1")?.markRead();
  await clock.advance(4 * SECOND);
  all(4);
  assert.equal(device.views.get("thread_1")?.getSnapshot().readSeq, 4);
  for (const closing of [device, dad]) closing.close();
});
