import assert from "node:assert/strict";
import { test } from "node:test";
import type { HearthError } from "../src/index.js";
import { rejection } from "./support/client-fixture.js";
import { deviceFixture } from "./support/device-fixture.js";
import { NO_FAULTS } from "./support/faults.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

async function settingsFixture() {
  const fixture = deviceFixture({}, 60 * MINUTE, { list: true, archivedList: true });
  await fixture.clock.advance(5 * SECOND);
  const lists = () =>
    fixture.device.lists.map((list) =>
      list
        .getSnapshot()
        .threads.map(({ id }) => id)
        .sort(),
    );
  return { ...fixture, client: fixture.device.client, lists };
}

test("a setting is shown at once, and stored in spite of errors", async () => {
  const { clock, server, device, client, lists } = await settingsFixture();
  server.faults = { ...NO_FAULTS, errorBefore: 1 };
  const stored = client.setArchived("thread_1", true);
  assert.deepEqual(lists(), [["thread_2"], ["thread_1"]]);
  await clock.advance(20 * SECOND);
  assert.deepEqual(lists(), [["thread_2"], ["thread_1"]]);
  server.faults = NO_FAULTS;
  await clock.advance(30 * SECOND);
  await stored;
  assert.deepEqual(lists(), [["thread_2"], ["thread_1"]]);
  assert.equal(server.backend.threads.get("thread_1")?.member("sarah").archived, true);
  device.close();
});

test("a setting that is refused permanently is taken back, and later ones stay", async () => {
  const { clock, server, device, client, lists } = await settingsFixture();
  server.backend.threads.get("thread_1")?.members.delete("sarah");
  server.backend.threads.get("thread_1")?.memberIds.splice(0, 1);
  const refused = rejection(client.setArchived("thread_1", true));
  const stored = client.setArchived("thread_2", true);
  assert.deepEqual(lists(), [[], ["thread_1", "thread_2"]]);
  await clock.advance(3 * SECOND);
  assert.equal(((await refused) as HearthError).code, "thread_not_found");
  await stored;
  assert.deepEqual(lists(), [["thread_1"], ["thread_2"]]);
  device.close();
});

test("settings of one thread are stored in order, and shown as the last one", async () => {
  const { clock, server, device, client, lists } = await settingsFixture();
  const before = server.requests.length;
  const stored = [];
  for (let n = 0; n < 6; n += 1) stored.push(client.setArchived("thread_1", n % 2 === 0));
  const until = "2030-01-01T00:00:00.000Z";
  stored.push(client.mute("thread_1", until));
  for (let n = 0; n < 30; n += 1) {
    assert.deepEqual(lists(), [["thread_1", "thread_2"], []]);
    assert.equal(device.list.getSnapshot().threads.find(({ id }) => id === "thread_1")?.mutedUntil, until);
    await clock.advance(200);
  }
  await Promise.all(stored);
  const requests = server.requests.slice(before);
  assert.ok(requests.length <= 8, `at most one request must follow those of the changes: ${requests.join(", ")}`);
  const { archived, mutedUntil } = server.backend.threads.get("thread_1")?.member("sarah") ?? {};
  assert.deepEqual([archived, mutedUntil], [false, until]);
  device.close();
});

test("people returns all pages", async () => {
  const { clock, server, device, client } = await settingsFixture();
  for (let n = 0; n < 5; n += 1) server.backend.addThread(`thread_${n}_more`, ["sarah", `friend_${n}`]);
  server.backend.pageSize = 2;
  const people = client.people();
  await clock.advance(3 * SECOND);
  const names = (await people).map(({ name }) => name);
  assert.deepEqual(names, ["DAD", "FRIEND_0", "FRIEND_1", "FRIEND_2", "FRIEND_3", "FRIEND_4", "SARAH"]);
  device.close();
});
