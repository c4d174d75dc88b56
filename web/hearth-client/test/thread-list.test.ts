import assert from "node:assert/strict";
import { test } from "node:test";
import type { HearthError } from "../src/index.js";
import { problem } from "./support/backend.js";
import { ClientFixture, rejection } from "./support/client-fixture.js";
import { deviceFixture } from "./support/device-fixture.js";
import { NO_FAULTS } from "./support/faults.js";
import { StubSocket } from "./support/stub-socket.js";

const MINUTE = 60_000;

/** A WebSocket that acknowledges each subscription, and reports that the thread has one message. */
class Acknowledging extends StubSocket {
  constructor() {
    super();
    queueMicrotask(() => this.onopen?.({} as never));
  }

  override send(text: string): void {
    const { action, channel, id } = JSON.parse(text) as { action: string; channel: string; id: number };
    if (action !== "subscribe") return;
    const frame = JSON.stringify({ event: "subscribed", data: { channel, seq: 1 }, id });
    queueMicrotask(() => this.onmessage?.({ data: frame } as never));
  }
}

const thread = (id: string) => ({
  id,
  title: null,
  memberIds: ["a"],
  createdAt: "2026-01-01",
  updatedAt: "2026-01-01",
});
const row = (id: string) => ({ ...thread(id), memberNames: ["Ann"], lastMessage: null });

test("a created thread is in the list immediately, and gets its members' names by a refresh", async () => {
  let listed: object[] = [];
  const fixture = new ClientFixture(({ method }) => {
    if (method === "POST") return { status: 201, body: thread("thread_9") };
    return { status: 200, body: { threads: listed, nextCursor: null } };
  });
  const list = fixture.client.openThreadList();
  await fixture.clock.advance(0);
  assert.deepEqual(list.getSnapshot().threads, []);
  const creating = fixture.client.api.createThread(["b"]);
  listed = [row("thread_9")];
  await creating;
  assert.deepEqual(list.getSnapshot().threads[0]?.memberNames, ["a"]);
  await fixture.clock.advance(0);
  assert.deepEqual(list.getSnapshot().threads[0]?.memberNames, ["Ann"]);
  fixture.client.close();
});

test("the list follows its threads, sorts them by activity, and finds new threads by refreshing", async () => {
  const { clock, server, device, commit } = deviceFixture();
  const list = device.client.openThreadList();
  const ids = () => list.getSnapshot().threads.map(({ id }) => id);
  await clock.advance(5_000);
  assert.equal(list.getSnapshot().loaded, true);
  for (const threadId of ["thread_2", "thread_1", "thread_2"]) {
    commit(`in ${threadId}`, threadId);
    await clock.advance(500);
    assert.equal(ids()[0], threadId);
    assert.equal(list.getSnapshot().threads[0]?.lastMessage?.body, `in ${threadId}`);
  }
  server.backend.addThread("thread_3", ["sarah"]);
  await clock.advance(2 * MINUTE);
  assert.ok(ids().includes("thread_3"), "the refresh must find a thread that another user created");
  commit("hello", "thread_3");
  await clock.advance(500);
  assert.equal(ids()[0], "thread_3", "the list must follow the new thread");
  server.faults = { ...NO_FAULTS, errorBefore: 1 };
  const failure = rejection(list.refresh());
  await clock.advance(1_000);
  assert.equal(((await failure) as HearthError).status, 503);
  assert.equal(list.getSnapshot().error?.status, 503);
  server.faults = NO_FAULTS;
  await clock.advance(3 * MINUTE);
  assert.equal(list.getSnapshot().error, null);
  device.client.close();
  await clock.advance(0);
  assert.equal(clock.pending("phone"), 0);
});

test("an error for one thread does not stop the list from fetching the others' newest messages", async () => {
  const fixture = new ClientFixture(
    ({ path }) => {
      if (path.endsWith("/ws-tickets")) return { status: 200, body: { ticket: "t" } };
      if (path.endsWith("/threads")) {
        return { status: 200, body: { threads: ["thread_1", "thread_2", "thread_3"].map(row), nextCursor: null } };
      }
      const id = /thread_\d/.exec(path)?.[0] ?? "";
      if (id === "thread_1") return problem(404, "thread_not_found");
      const message = { id: `${id}-1`, threadId: id, seq: 1, body: "hello", attachments: [], createdAt: "2026-01-02" };
      return { status: 200, body: { messages: [message], nextCursor: null } };
    },
    { environment: { WebSocket: Acknowledging } },
  );
  const list = fixture.client.openThreadList();
  await fixture.clock.advance(1_000);
  const newest = Object.fromEntries(list.getSnapshot().threads.map(({ id, lastMessage }) => [id, lastMessage?.seq]));
  assert.deepEqual(newest, { thread_1: undefined, thread_2: 1, thread_3: 1 });
  assert.deepEqual(
    fixture.errors.map((error) => (error as { code?: unknown }).code),
    ["thread_not_found"],
  );
  fixture.client.close();
});

test("a thread that is created during a refresh gets its members' names by a second refresh", async () => {
  let listed: object[] = [];
  const fixture = new ClientFixture(({ method }) => {
    if (method === "POST") {
      listed = [row("thread_9")];
      return { status: 201, body: thread("thread_9") };
    }
    return { status: 200, body: { threads: listed, nextCursor: null }, delay: 500 };
  });
  const list = fixture.client.openThreadList();
  await fixture.clock.advance(1_000);
  const refreshing = list.refresh();
  await fixture.clock.advance(100);
  await fixture.client.api.createThread(["b"]);
  const names = () => list.getSnapshot().threads[0]?.memberNames;
  assert.deepEqual(names(), ["a"]);
  await fixture.clock.advance(400);
  await refreshing;
  assert.deepEqual(names(), ["a"], "the refresh began before the thread existed");
  await fixture.clock.advance(500);
  assert.deepEqual(names(), ["Ann"]);
  const requests = fixture.calls.length;
  await fixture.clock.advance(60_000);
  assert.equal(fixture.calls.length, requests, "there must be only one further refresh");
  fixture.client.close();
});
