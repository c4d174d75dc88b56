import assert from "node:assert/strict";
import { test } from "node:test";
import { deviceFixture } from "./support/device-fixture.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

test("a thread that was archived before the list was opened is not shown when a message arrives", async () => {
  const { clock, server, device, commit } = deviceFixture({}, 60 * MINUTE, { list: true });
  device.set("thread_2", { archived: true });
  await clock.advance(5 * SECOND);
  device.reload();
  const shown = new Set<string>();
  device.list.subscribe(() => {
    for (const id of device.list.getSnapshot().threads.map(({ id }) => id)) shown.add(id);
  });
  await clock.advance(5 * SECOND);
  commit("hello", "thread_2");
  // `createThread` finds thread_2, which has the same members and is archived.
  server.backend.threads.delete("thread_1");
  const found = device.client.api.createThread(["dad"]);
  await clock.advance(5 * SECOND);
  assert.equal((await found).thread.id, "thread_2");
  assert.deepEqual([...shown], ["thread_1"]);
  assert.equal(device.list.getSnapshot().unread, 0);
  device.client.close();
});

test("an unarchived thread has the messages that were sent while the device was not connected", async () => {
  const { clock, server, device, commit } = deviceFixture({}, 60 * MINUTE, { list: true });
  await clock.advance(5 * SECOND);
  device.set("thread_1", { archived: true });
  await clock.advance(5 * SECOND);
  device.setNetwork(false, true);
  commit("hello");
  await clock.advance(5 * SECOND);
  device.setNetwork(true, true);
  await clock.advance(5 * SECOND);
  device.set("thread_1", { archived: false });
  await clock.advance(5 * SECOND);
  assert.deepEqual(device.list.getSnapshot().threads, server.backend.list("sarah", false));
  device.client.close();
});

test("a list of archived threads that is opened again has the messages that it has missed", async () => {
  const { clock, server, device, commit } = deviceFixture({}, 60 * MINUTE, { list: true });
  device.set("thread_1", { archived: true });
  await clock.advance(5 * SECOND);
  for (const body of ["first", "second"]) {
    const archived = device.client.openThreadList({ archived: true });
    await clock.advance(3 * SECOND);
    assert.deepEqual(archived.getSnapshot().threads, server.backend.list("sarah", true), body);
    archived.close();
    device.setNetwork(false, true);
    commit(body);
    await clock.advance(3 * SECOND);
    device.setNetwork(true, true);
    await clock.advance(5 * SECOND);
  }
  device.client.close();
});
