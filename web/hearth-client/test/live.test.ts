import assert from "node:assert/strict";
import { test } from "node:test";
import { HearthError } from "../src/index.js";
import { Bench, rejection } from "./support/bench.js";
import { Clock, settled } from "./support/clock.js";
import { Device } from "./support/device.js";
import { CALM, type Faults } from "./support/faults.js";
import { Random } from "./support/random.js";
import { Server } from "./support/server.js";

const MINUTE = 60_000;

function home(faults: Partial<Faults> = {}, tokenLife = 60 * MINUTE) {
  const random = new Random(7);
  const clock = new Clock();
  const server = new Server(clock, random.fork(), { ...CALM, ...faults });
  server.backend.addThread("thread_1", ["sarah", "dad"]);
  server.backend.addThread("thread_2", ["sarah", "dad"]);
  const device = new Device(server, random.fork(), { name: "phone", user: "sarah", tokenLife, list: false });
  const say = (body: string, threadId = "thread_1") => server.backend.commit(threadId, "dad", body);
  const view = () => {
    device.open("thread_1");
    const view = device.views.get("thread_1");
    assert.ok(view !== undefined);
    return view;
  };
  const connection = () => device.client.connection.getSnapshot();
  return { clock, server, device, say, view, connection };
}

test("a thread that is not there ends its view with an error, and no other", async () => {
  const { clock, device, view, connection } = home();
  const nowhere = device.client.openThread("thread_nowhere");
  const errors: HearthError[] = [];
  device.client.follow("thread_nowhere", { onMessage: () => {}, onError: (error) => errors.push(error) });
  const there = view();
  await clock.advance(5_000);
  assert.equal(nowhere.getSnapshot().error?.code, "thread_not_found");
  assert.deepEqual([errors.length, errors[0]?.code], [1, "thread_not_found"]);
  assert.deepEqual([there.getSnapshot().loaded, there.getSnapshot().error, connection().status], [true, null, "live"]);
  device.client.close();
});

test("a snapshot is the same until something changes, and many changes are told once", async () => {
  const { clock, device, say, view } = home();
  const open = view();
  await clock.advance(2_000);
  const before = open.getSnapshot();
  assert.equal(open.getSnapshot(), before);
  let told = 0;
  const stop = open.subscribe(() => {
    told += 1;
  });
  for (let n = 0; n < 50; n += 1) open.send(`${n}`);
  assert.equal(told, 0);
  await settled();
  assert.ok(told <= 2, `told ${told} times`);
  assert.equal(open.getSnapshot().entries.length, 50);
  stop();
  await clock.advance(60_000);
  const first = open.getSnapshot().entries[0];
  say("one more");
  await clock.advance(1_000);
  assert.equal(open.getSnapshot().entries[0], first, "what did not change is the same object");
  assert.ok(told <= 2, "who has stopped listening is told nothing");
  device.client.close();
});

test("an entry keeps its key from sending to sent", async () => {
  const { clock, device, view } = home();
  const open = view();
  await clock.advance(2_000);
  const keys = new Set<string>();
  const states = new Set<string>();
  open.subscribe(() => {
    for (const { key, state } of open.getSnapshot().entries) {
      keys.add(key);
      states.add(state);
    }
  });
  const key = open.send("hello");
  await clock.advance(2_000);
  assert.deepEqual([[...keys], [...states]], [[key], ["sending", "sent"]]);
  device.client.close();
});

test("older messages come a page at a time, shared by who asks at once, and again after a failure", async () => {
  const { clock, server, device, say, view } = home();
  for (let n = 1; n <= 120; n += 1) say(`${n}`);
  const open = view();
  await clock.advance(2_000);
  assert.deepEqual([open.getSnapshot().messages.length, open.getSnapshot().hasOlder], [50, true]);
  server.faults = { ...CALM, errorBefore: 1 };
  const failure = rejection(open.loadOlder());
  await clock.advance(2_000);
  assert.ok((await failure) instanceof HearthError);
  server.faults = CALM;
  for (const expected of [100, 120, 120]) {
    const both = Promise.all([open.loadOlder(), open.loadOlder()]);
    await clock.advance(2_000);
    await both;
    assert.equal(open.getSnapshot().messages.length, expected);
  }
  assert.deepEqual([open.getSnapshot().hasOlder, open.getSnapshot().messages[0]?.seq], [false, 1]);
  assert.deepEqual(device.failures, []);
  device.client.close();
});

test("while it is offline it says until when, and tries at once when asked to", async () => {
  const { clock, device, view, connection } = home();
  assert.deepEqual(connection(), { status: "offline", nextTryAt: null, error: null });
  device.setNetwork(false, false);
  view();
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
  assert.equal(connection().status, "offline", "the platform said so");
  device.setNetwork(true, true);
  assert.equal(connection().status, "connecting");
  device.client.close();
  assert.equal(connection().status, "offline");
});

test("where sockets are blocked, what is said is asked for", async () => {
  const { clock, device, say, view } = home({ socketRefused: 1 });
  const open = view();
  await clock.advance(5_000);
  say("hello");
  await clock.advance(60_000);
  assert.equal(open.getSnapshot().messages.length, 1);
  assert.notEqual(device.client.connection.getSnapshot().status, "live");
  device.client.close();
});

test("a connection that dies without a word is noticed by its silence", async () => {
  const { clock, device, say, view } = home();
  const open = view();
  await clock.advance(5_000);
  for (const socket of device.sockets) socket.die();
  say("hello");
  await clock.advance(250_000);
  assert.deepEqual([open.getSnapshot().messages.length, device.client.connection.getSnapshot().status], [1, "live"]);
  device.client.close();
});

test("a connection that dies without a word is noticed at once when the device says that it is online", async () => {
  const { clock, device, say, view } = home();
  const open = view();
  await clock.advance(5_000);
  for (const tell of [() => device.setNetwork(true, true), () => device.setVisible(true)]) {
    for (const socket of device.sockets) socket.die();
    const { seq } = say("hello");
    await clock.advance(1_000);
    tell();
    await clock.advance(8_000);
    assert.equal(open.getSnapshot().messages.length, seq);
  }
  device.client.close();
});

test("a thread that is left before it is subscribed to is not pushed any more", async () => {
  for (const known of [false, true]) {
    for (const after of [0, 1, 50, 400]) {
      const { clock, device, view } = home();
      view();
      // Subscribed to already, and joined once more.
      const first = known ? device.client.openThread("thread_2") : null;
      await clock.advance(5_000);
      const quick = device.client.openThread("thread_2");
      await clock.advance(after);
      quick.close();
      first?.close();
      await clock.advance(30_000);
      const [socket] = device.sockets;
      assert.deepEqual([...(socket?.channels ?? [])], ["user:sarah", "thread:thread_1"], `${known}, ${after} ms`);
      device.client.close();
    }
  }
});

test("a token that runs out takes nothing with it", async () => {
  const { clock, device, say, view, connection } = home({}, 3 * MINUTE);
  const open = view();
  for (let n = 1; n <= 20; n += 1) {
    await clock.advance(MINUTE);
    say(`${n}`);
    await clock.advance(1_000);
    assert.equal(open.getSnapshot().messages.length, n, `message ${n}`);
  }
  assert.equal(connection().status, "live");
  device.client.close();
});

test("when nothing is followed any more the connection ends, and comes back", async () => {
  const { clock, device, view, connection } = home();
  view();
  await clock.advance(5_000);
  device.closeView("thread_1");
  await clock.advance(4_000);
  view();
  await clock.advance(10_000);
  assert.deepEqual([connection().status, device.sockets.length], ["live", 1], "another thread was opened in time");
  device.closeView("thread_1");
  await clock.advance(6_000);
  assert.equal(connection().status, "offline");
  assert.equal(clock.pending("phone"), 0);
  view();
  await clock.advance(5_000);
  assert.equal(connection().status, "live");
  device.client.close();
});

test("a thread that was just created is in the list at once", async () => {
  const thread = {
    id: "thread_9",
    title: null,
    memberIds: ["a", "b"],
    createdAt: "2026-01-01",
    updatedAt: "2026-01-01",
  };
  let listed: object[] = [];
  const bench = new Bench(({ method }) => {
    if (method === "POST") return { status: 201, body: thread };
    return { status: 200, body: { threads: listed, nextCursor: null } };
  });
  const list = bench.client.openThreadList();
  await bench.clock.advance(0);
  assert.deepEqual(list.getSnapshot().threads, []);
  const creating = bench.client.api.createThread(["b"]);
  listed = [{ ...thread, memberNames: ["Ann", "Ben"], lastMessage: null }];
  await creating;
  assert.deepEqual(list.getSnapshot().threads[0]?.memberNames, ["a", "b"]);
  await bench.clock.advance(0);
  assert.deepEqual(list.getSnapshot().threads[0]?.memberNames, ["Ann", "Ben"]);
  bench.client.close();
});

test("the list is live, in the order of activity, and shows a new thread at once", async () => {
  const { clock, server, device, say } = home();
  const list = device.client.openThreadList();
  const ids = () => list.getSnapshot().threads.map(({ id }) => id);
  await clock.advance(5_000);
  assert.equal(list.getSnapshot().loaded, true);
  for (const threadId of ["thread_2", "thread_1", "thread_2"]) {
    say(`in ${threadId}`, threadId);
    await clock.advance(500);
    assert.equal(ids()[0], threadId);
    assert.equal(list.getSnapshot().threads[0]?.lastMessage?.body, `in ${threadId}`);
  }
  server.backend.addThread("thread_3", ["sarah"]);
  await clock.advance(2 * MINUTE);
  assert.ok(ids().includes("thread_3"), "somebody else's new thread, at the next refresh");
  say("hello", "thread_3");
  await clock.advance(500);
  assert.equal(ids()[0], "thread_3", "and it is heard");
  server.faults = { ...CALM, errorBefore: 1 };
  const failure = rejection(list.refresh());
  await clock.advance(1_000);
  assert.equal(((await failure) as HearthError).status, 503);
  assert.equal(list.getSnapshot().error?.status, 503);
  server.faults = CALM;
  await clock.advance(3 * MINUTE);
  assert.equal(list.getSnapshot().error, null);
  device.client.close();
  await clock.advance(0);
  assert.equal(clock.pending("phone"), 0);
});
