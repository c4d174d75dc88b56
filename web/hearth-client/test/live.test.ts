import assert from "node:assert/strict";
import { test } from "node:test";
import { HearthError } from "../src/index.js";
import { rejection } from "./support/client-fixture.js";
import { flushPromises } from "./support/clock.js";
import { deviceFixture } from "./support/device-fixture.js";
import { NO_FAULTS } from "./support/faults.js";

const MINUTE = 60_000;

test("a missing thread is an error of its view and follower only", async () => {
  const { clock, device, openThread, connection } = deviceFixture();
  const missing = device.client.openThread("thread_missing");
  const errors: HearthError[] = [];
  device.client.follow("thread_missing", { onMessage: () => {}, onError: (error) => errors.push(error) });
  const existing = openThread();
  await clock.advance(5_000);
  assert.equal(missing.getSnapshot().error?.code, "thread_not_found");
  assert.deepEqual([errors.length, errors[0]?.code], [1, "thread_not_found"]);
  assert.deepEqual(
    [existing.getSnapshot().loaded, existing.getSnapshot().error, connection().status],
    [true, null, "live"],
  );
  device.client.close();
});

test("a snapshot is the same object until it changes, and listeners are called once for many changes", async () => {
  const { clock, device, commit, openThread } = deviceFixture();
  const view = openThread();
  await clock.advance(2_000);
  const before = view.getSnapshot();
  assert.equal(view.getSnapshot(), before);
  let calls = 0;
  const stop = view.subscribe(() => {
    calls += 1;
  });
  for (let n = 0; n < 50; n += 1) view.send(`${n}`);
  assert.equal(calls, 0);
  await flushPromises();
  assert.ok(calls <= 2, `the listener was called ${calls} times`);
  assert.equal(view.getSnapshot().entries.length, 50);
  stop();
  await clock.advance(60_000);
  const first = view.getSnapshot().entries[0];
  commit("one more");
  await clock.advance(1_000);
  assert.equal(view.getSnapshot().entries[0], first, "an entry that did not change must be the same object");
  assert.ok(calls <= 2, "a removed listener must not be called");
  device.client.close();
});

test("an entry has the same key before and after it is committed", async () => {
  const { clock, device, openThread } = deviceFixture();
  const view = openThread();
  await clock.advance(2_000);
  const keys = new Set<string>();
  const states = new Set<string>();
  view.subscribe(() => {
    for (const { key, state } of view.getSnapshot().entries) {
      keys.add(key);
      states.add(state);
    }
  });
  const key = view.send("hello");
  await clock.advance(2_000);
  assert.deepEqual([[...keys], [...states]], [[key], ["sending", "sent"]]);
  device.client.close();
});

test("loadOlder loads one page, concurrent calls share a request, and a call after an error works", async () => {
  const { clock, server, device, commit, openThread } = deviceFixture();
  for (let n = 1; n <= 120; n += 1) commit(`${n}`);
  const view = openThread();
  await clock.advance(2_000);
  assert.deepEqual([view.getSnapshot().messages.length, view.getSnapshot().hasOlder], [50, true]);
  server.faults = { ...NO_FAULTS, errorBefore: 1 };
  const failure = rejection(view.loadOlder());
  await clock.advance(2_000);
  assert.ok((await failure) instanceof HearthError);
  server.faults = NO_FAULTS;
  for (const expected of [100, 120, 120]) {
    const both = Promise.all([view.loadOlder(), view.loadOlder()]);
    await clock.advance(2_000);
    await both;
    assert.equal(view.getSnapshot().messages.length, expected);
  }
  assert.deepEqual([view.getSnapshot().hasOlder, view.getSnapshot().messages[0]?.seq], [false, 1]);
  assert.deepEqual(device.failures, []);
  device.client.close();
});

test("an offline client reports its next attempt, and reconnectNow connects immediately", async () => {
  const { clock, device, openThread, connection } = deviceFixture();
  assert.deepEqual(connection(), { status: "offline", nextTryAt: null, error: null });
  device.setNetwork(false, false);
  openThread();
  assert.equal(connection().status, "connecting");
  await clock.advance(60_000);
  const { status, nextTryAt, error } = connection();
  assert.equal(error?.code, "network_error");
  if (status === "offline") assert.ok((nextTryAt ?? 0) > clock.now());
  device.setNetwork(true, false);
  while (connection().status !== "offline") await clock.advance(100);
  device.client.reconnectNow();
  assert.equal(connection().status, "connecting");
  await clock.advance(3_000);
  assert.deepEqual(connection(), { status: "live", nextTryAt: null, error: null });
  device.setNetwork(false, true);
  assert.equal(connection().status, "offline", "an offline event must take effect immediately");
  device.setNetwork(true, true);
  assert.equal(connection().status, "connecting");
  device.client.close();
  assert.equal(connection().status, "offline");
});

test("without a socket, new messages are fetched by REST", async () => {
  const { clock, device, commit, openThread } = deviceFixture({ socketRefused: 1 });
  const view = openThread();
  await clock.advance(5_000);
  commit("hello");
  await clock.advance(60_000);
  assert.equal(view.getSnapshot().messages.length, 1);
  assert.notEqual(device.client.connection.getSnapshot().status, "live");
  device.client.close();
});

test("a connection that breaks without an event is noticed within 250 seconds", async () => {
  const { clock, device, commit, openThread } = deviceFixture();
  const view = openThread();
  await clock.advance(5_000);
  for (const socket of device.sockets) socket.dieSilently();
  commit("hello");
  await clock.advance(250_000);
  assert.deepEqual([view.getSnapshot().messages.length, device.client.connection.getSnapshot().status], [1, "live"]);
  device.client.close();
});

test("a broken connection is noticed within 8 seconds of an online or visibilitychange event", async () => {
  const { clock, device, commit, openThread } = deviceFixture();
  const view = openThread();
  await clock.advance(5_000);
  for (const fireEvent of [() => device.setNetwork(true, true), () => device.setVisible(true)]) {
    for (const socket of device.sockets) socket.dieSilently();
    const { seq } = commit("hello");
    await clock.advance(1_000);
    fireEvent();
    await clock.advance(8_000);
    assert.equal(view.getSnapshot().messages.length, seq);
  }
  device.client.close();
});

test("a thread that is closed during its subscription is unsubscribed", async () => {
  for (const subscribed of [false, true]) {
    for (const after of [0, 1, 50, 400]) {
      const { clock, device, openThread } = deviceFixture();
      openThread();
      // If `subscribed` is true, an earlier view has already subscribed to the thread, and the second view subscribes
      // again.
      const first = subscribed ? device.client.openThread("thread_2") : null;
      await clock.advance(5_000);
      const quick = device.client.openThread("thread_2");
      await clock.advance(after);
      quick.close();
      first?.close();
      await clock.advance(30_000);
      const [socket] = device.sockets;
      assert.deepEqual(
        [...(socket?.channels ?? [])],
        ["user:sarah", "thread:thread_1"],
        `subscribed before: ${subscribed}, closed after ${after} ms`,
      );
      device.client.close();
    }
  }
});

test("a client that is displaced by other connections waits five minutes, unless the user wants to reconnect", async () => {
  const { clock, device, commit, openThread, connection } = deviceFixture();
  const view = openThread();
  await clock.advance(5_000);
  for (const reconnect of [() => clock.advance(40_000), () => device.client.reconnectNow()]) {
    const sockets = device.sockets.length;
    device.sockets.at(-1)?.displace();
    await clock.advance(1_000);
    const { status, error, nextTryAt } = connection();
    assert.deepEqual([status, error?.code], ["offline", "too_many_connections"]);
    assert.ok((nextTryAt ?? 0) >= clock.now() + 5 * MINUTE - 1_000);
    const { seq } = commit(`message ${sockets}`);
    await clock.advance(5 * MINUTE - 2_000);
    assert.equal(device.sockets.length, sockets, "the client must not reconnect early");
    await reconnect();
    await clock.advance(2_000);
    assert.deepEqual([connection().status, device.sockets.length], ["live", sockets + 1]);
    assert.equal(view.getSnapshot().messages.length, seq);
  }
  assert.deepEqual(device.failures, []);
  device.client.close();
});

test("a displaced socket that is being replaced does not delay its replacement", async () => {
  const { clock, device, openThread, connection } = deviceFixture({}, 3 * MINUTE);
  openThread();
  await clock.advance(5_000);
  while (device.sockets.length === 1) await clock.advance(10);
  device.sockets[0]?.displace();
  await clock.advance(3_000);
  assert.equal(connection().status, "live");
  device.client.close();
});

test("no message is missed when the token expires", async () => {
  const { clock, device, commit, openThread, connection } = deviceFixture({}, 3 * MINUTE);
  const view = openThread();
  for (let n = 1; n <= 20; n += 1) {
    await clock.advance(MINUTE);
    commit(`${n}`);
    await clock.advance(1_000);
    assert.equal(view.getSnapshot().messages.length, n, `message ${n}`);
  }
  assert.equal(connection().status, "live");
  device.client.close();
});

test("the client disconnects 5 seconds after the last thread is closed, and reconnects for the next one", async () => {
  const { clock, device, openThread, connection } = deviceFixture();
  openThread();
  await clock.advance(5_000);
  device.closeView("thread_1");
  await clock.advance(4_000);
  openThread();
  await clock.advance(10_000);
  assert.deepEqual(
    [connection().status, device.sockets.length],
    ["live", 1],
    "the connection must stay open if a thread is opened within 5 seconds",
  );
  device.closeView("thread_1");
  await clock.advance(6_000);
  assert.equal(connection().status, "offline");
  assert.equal(clock.pending("phone"), 0);
  openThread();
  await clock.advance(5_000);
  assert.equal(connection().status, "live");
  device.client.close();
});
