import assert from "node:assert/strict";
import { test } from "node:test";
import type { ThreadView } from "../src/index.js";
import type { Device } from "./support/device.js";
import { deviceFixture } from "./support/device-fixture.js";
import { MAX_PUSHED_BODY } from "./support/fake-stream.js";
import { NO_FAULTS } from "./support/faults.js";

const MINUTE = 60_000;

/**
 * Returns a device of sarah with an open thread that has one message by each member. `changes` is the number of
 * reactions that the thread had before it was opened.
 */
async function openThread(changes = 0, options: Parameters<typeof deviceFixture>[2] = {}) {
  const fixture = deviceFixture({}, undefined, options);
  const { server, clock } = fixture;
  const { backend } = server;
  const mine = backend.commit("thread_1", "sarah", "mine").seq;
  const theirs = fixture.commit("theirs").seq;
  for (let n = 0; n < changes; n += 1) backend.react("thread_1", "dad", theirs, n % 2 === 0 ? "👍" : "❤️");
  await clock.advance(5_000);
  const view = fixture.openThread();
  await clock.advance(5_000);
  const stored = (seq: number) => backend.messages("thread_1")[seq - 1];
  /**
   * Returns the requests about the thread's messages and changes that were sent since the last call of this function.
   */
  const requests = () => {
    const list = server.requests.filter((request) => /thread_1\/(messages|changes)/.test(request));
    server.requests.length = 0;
    return list.map((request) => request.replace("/api/threads/thread_1/", ""));
  };
  return { ...fixture, backend, mine, theirs, view, stored, requests };
}

function entry(view: ThreadView, seq: number) {
  const found = view.getSnapshot().entries.find(({ message }) => message?.seq === seq);
  assert.ok(found !== undefined);
  return found;
}

function preview({ list }: Device) {
  return list.getSnapshot().threads.find(({ id }) => id === "thread_1")?.lastMessage;
}

test("changes are shown at once, stored, and pushed to other devices", async () => {
  const { clock, device, addDevice, view, mine, theirs, stored } = await openThread();
  const other = addDevice("dad-phone", "dad");
  other.open("thread_1");
  await clock.advance(5_000);
  view.edit(mine, "edited");
  view.react(theirs, "❤️");
  const { entries, messages } = view.getSnapshot();
  assert.deepEqual(entries[0]?.body, "edited");
  assert.deepEqual(messages[1]?.reactions, [{ emoji: "❤️", userIds: ["sarah"] }]);
  assert.deepEqual(
    entries.flatMap(({ changes }) => changes.map(({ kind, state }) => `${kind} ${state}`)),
    ["edit sending", "react sending"],
  );
  await clock.advance(5_000);
  for (const { views } of [device, other]) {
    const shown = views.get("thread_1")?.getSnapshot();
    assert.deepEqual(shown?.messages, [stored(mine), stored(theirs)]);
    assert.deepEqual(
      shown?.entries.flatMap(({ changes }) => changes),
      [],
    );
  }
  view.unreact(theirs);
  view.remove(mine);
  const [removed, reacted] = view.getSnapshot().messages;
  assert.deepEqual([removed?.body, removed?.deletedAt !== undefined, removed?.editedAt], ["", true, undefined]);
  assert.deepEqual(reacted?.reactions, []);
  await clock.advance(5_000);
  assert.deepEqual(other.views.get("thread_1")?.getSnapshot().messages, [stored(mine), stored(theirs)]);
  assert.equal(stored(mine)?.body, "");
});

test("a refused change is undone and failed, until it is sent again or discarded", async () => {
  const { clock, device, view, backend, mine, theirs } = await openThread();
  const key = view.edit(theirs, "not mine");
  assert.equal(entry(view, theirs).body, "not mine");
  await clock.advance(5_000);
  const { body, state, changes } = entry(view, theirs);
  assert.deepEqual([body, state], ["theirs", "sent"]);
  assert.deepEqual([changes[0]?.key, changes[0]?.state, changes[0]?.body], [key, "failed", "not mine"]);
  assert.equal(changes[0]?.error?.code, "not_author");
  device.reload();
  await clock.advance(5_000);
  const reloaded = device.views.get("thread_1") as ThreadView;
  assert.equal(entry(reloaded, theirs).changes[0]?.error?.code, "not_author");
  backend.editWindow = 0;
  reloaded.edit(mine, "too late");
  await clock.advance(5_000);
  backend.editWindow = MINUTE;
  const failed = entry(reloaded, mine).changes[0];
  assert.equal(failed?.error?.code, "edit_window_over");
  assert.equal(reloaded.retry(failed?.key ?? ""), true);
  assert.equal(reloaded.discard(key), true);
  await clock.advance(5_000);
  assert.deepEqual([entry(reloaded, mine).body, entry(reloaded, mine).changes], ["too late", []]);
  assert.deepEqual([entry(reloaded, theirs).changes, device.client.unsentMessages()], [[], 0]);
});

test("changes made offline wait in order, replace each other, and survive a reload", async () => {
  const { clock, device, view, requests, mine, theirs, stored } = await openThread();
  device.setNetwork(false, true);
  view.edit(mine, "first");
  view.edit(mine, "second");
  view.react(theirs, "👍");
  view.unreact(theirs);
  view.react(theirs, "❤️");
  const key = view.send("reply", [], { replyTo: theirs });
  await clock.advance(MINUTE);
  device.reload();
  await clock.advance(5_000);
  assert.equal(device.client.unsentMessages(), 3);
  requests();
  device.setNetwork(true, true);
  await clock.advance(10_000);
  const changing = requests().filter((request) => !request.startsWith("GET"));
  assert.deepEqual(changing, ["PATCH messages/1", "PUT messages/2/reaction", "POST messages"]);
  assert.deepEqual([stored(mine)?.body, stored(theirs)?.reactions[0]?.emoji], ["second", "❤️"]);
  const reloaded = device.views.get("thread_1") as ThreadView;
  assert.deepEqual([entry(reloaded, 3).key, entry(reloaded, 3).replyTo?.seq], [key, theirs]);
});

test("a deletion drops the edits and reactions of its message, and only these", async () => {
  const { clock, device, view, requests, mine, theirs } = await openThread();
  device.setNetwork(false, true);
  view.edit(mine, "never sent");
  view.react(mine, "👍");
  view.react(theirs, "👍");
  view.remove(mine);
  await clock.advance(5_000);
  requests();
  device.setNetwork(true, true);
  await clock.advance(10_000);
  const changing = requests().filter((request) => !request.startsWith("GET"));
  assert.deepEqual(changing, ["PUT messages/2/reaction", "DELETE messages/1"]);
});

test("a change that is replaced while it is being sent does not return when it fails", async () => {
  const { clock, device, server, view, backend, mine } = await openThread();
  server.faults = { ...NO_FAULTS, errorBefore: 1 };
  view.edit(mine, "first");
  await clock.advance(10);
  view.edit(mine, "second");
  await clock.advance(10_000);
  assert.deepEqual(
    entry(view, mine).changes.map(({ body, state, error }) => [body, state, error?.status]),
    [["second", "sending", 503]],
  );
  server.faults = NO_FAULTS;
  await clock.advance(MINUTE);
  assert.deepEqual([entry(view, mine).body, entry(view, mine).changes], ["second", []]);
  backend.editWindow = 0;
  view.edit(mine, "third");
  await clock.advance(10);
  view.remove(mine);
  await clock.advance(10_000);
  assert.deepEqual([entry(view, mine).changes, device.client.unsentMessages()], [[], 0]);
});

test("changes wait for Retry-After like messages", async () => {
  const { clock, server, view, requests, mine } = await openThread();
  server.faults = { ...NO_FAULTS, throttled: 1 };
  view.edit(mine, "edited");
  for (let n = 0; n < 20; n += 1) await clock.advance(1_000);
  assert.equal(server.earlyMessages, 0);
  server.faults = NO_FAULTS;
  requests();
  await clock.advance(MINUTE);
  assert.deepEqual(requests(), ["PATCH messages/1"]);
});

test("a sent message that is deleted before its response arrives is not shown with its old text", async () => {
  const { clock, server, view, backend } = await openThread();
  server.faults = { ...NO_FAULTS, answerLost: 1 };
  const key = view.send("secret");
  const seen = new Set<string>();
  view.subscribe(() => {
    for (const { key: shown, body, message } of view.getSnapshot().entries) {
      if (shown === key) seen.add(message === null ? "sending" : `${message.rev} ${body}`);
    }
  });
  await clock.advance(3_000);
  backend.remove("thread_1", "sarah", 3);
  await clock.advance(10_000);
  const { entries } = view.getSnapshot();
  assert.deepEqual([entries.length, entries[2]?.key, entries[2]?.body], [3, key, ""]);
  server.faults = NO_FAULTS;
  await clock.advance(MINUTE);
  assert.deepEqual([...seen], ["sending", "0 secret", "1 "]);
});

test("a change that another tab has sent or replaced is not sent again", async () => {
  const { clock, device, view, backend, requests, mine } = await openThread();
  device.setNetwork(false, true);
  view.edit(mine, "old");
  await clock.advance(5_000);
  // Simulate another tab with the same storage, which has sent the change and removed it from the storage.
  for (const name of [...Array(device.storage.length).keys()].map((index) => device.storage.key(index) ?? "")) {
    device.storage.removeItem(name);
  }
  backend.edit("thread_1", "sarah", mine, "new");
  requests();
  device.setNetwork(true, true);
  await clock.advance(10_000);
  assert.deepEqual([entry(view, mine).body, entry(view, mine).changes], ["new", []]);
  assert.deepEqual(
    requests().filter((request) => request.startsWith("PATCH")),
    [],
  );
});

test("items of an earlier version are sent, and an earlier version does not send changes as messages", async () => {
  const { clock, device, view, backend, mine } = await openThread();
  const createdAt = new Date(clock.now()).toISOString();
  const old = { threadId: "thread_1", body: "old", files: [], createdAt, order: 1, triedAt: null, failed: false };
  device.setNetwork(false, true);
  view.edit(mine, "edited");
  const [change] = device.storage.values();
  const { body, files } = JSON.parse(change ?? "{}") as Record<string, unknown>;
  assert.deepEqual([body, files], [undefined, undefined], "an earlier version sends items with body and files");
  device.storage.setItem("outbox-sarah:old-key", JSON.stringify(old));
  device.storage.setItem("outbox-sarah:bad-key", JSON.stringify({ ...old, change: { kind: "explode", seq: 1 } }));
  device.reload();
  device.setNetwork(true, true);
  await clock.advance(10_000);
  assert.deepEqual(
    backend.messages("thread_1").map(({ body }) => body),
    ["edited", "theirs", "old"],
  );
  assert.equal(device.failures.length, 1, "an item that is not valid is reported");
  assert.equal(device.storage.getItem("outbox-sarah:bad-key") === null, false, "and stays in place");
});

test("a reply shows its quote before it is sent, and the quote follows the quoted message", async () => {
  const { clock, device, view, backend, theirs } = await openThread();
  device.setNetwork(false, true);
  view.send("reply", [], { replyTo: theirs });
  view.send("reply to an unknown message", [], { replyTo: 99 });
  const [, , reply, unknown] = view.getSnapshot().entries;
  assert.deepEqual([reply?.replyTo?.excerpt, unknown?.replyTo], ["theirs", null]);
  device.setNetwork(true, true);
  await clock.advance(10_000);
  backend.remove("thread_1", "dad", theirs);
  await clock.advance(10_000);
  const { excerpt, deleted } = entry(view, 3).replyTo ?? {};
  assert.deepEqual([excerpt, deleted], ["", true]);
  const failed = view.getSnapshot().entries.at(-1);
  assert.deepEqual([failed?.state, failed?.error?.code], ["failed", "invalid_request"]);
});

test("pushed changes cost no request; a gap, a truncated change or a reconnection costs one", async () => {
  const { clock, device, server, view, backend, requests, theirs, stored } = await openThread();
  assert.deepEqual(requests(), ["GET messages"], "a thread without changes is loaded once");
  for (const emoji of ["👍", "❤️", "👍"]) backend.react("thread_1", "dad", theirs, emoji);
  await clock.advance(10_000);
  assert.deepEqual(requests(), []);
  server.faults = { ...NO_FAULTS, changeLost: 1 };
  backend.react("thread_1", "dad", theirs, "❤️");
  await clock.advance(10_000);
  assert.deepEqual(requests(), [], "a lost push is not noticed yet");
  server.faults = NO_FAULTS;
  backend.react("thread_1", "sarah", theirs, "❤️");
  await clock.advance(10_000);
  assert.deepEqual(requests(), ["GET changes?after=3"]);
  backend.edit("thread_1", "dad", theirs, "x".repeat(MAX_PUSHED_BODY + 1));
  await clock.advance(10_000);
  assert.deepEqual(requests(), ["GET changes?after=5"]);
  device.setNetwork(false, true);
  backend.remove("thread_1", "dad", theirs);
  await clock.advance(10_000);
  device.setNetwork(true, true);
  await clock.advance(10_000);
  assert.deepEqual(requests(), ["GET changes?after=6"]);
  assert.deepEqual(view.getSnapshot().messages.at(-1), stored(theirs));
});

test("messages that were loaded before the subscription are read again, once, if the thread has changes", async () => {
  const { clock, device, requests } = await openThread(3);
  assert.deepEqual(requests(), ["GET messages", "GET messages?after=0&limit=100"]);
  device.setNetwork(false, true);
  await clock.advance(5_000);
  device.setNetwork(true, true);
  await clock.advance(10_000);
  assert.deepEqual(requests(), []);
});

test("a client that has missed too many changes reads its messages again, with several pages of older ones", async () => {
  const { clock, device, view, commit, backend, requests, mine, theirs } = await openThread(1);
  for (let n = 0; n < 150; n += 1) commit(`message ${n}`);
  await clock.advance(10_000);
  backend.maxBehind = 2;
  device.setNetwork(false, true);
  backend.remove("thread_1", "sarah", mine);
  backend.remove("thread_1", "dad", theirs);
  backend.edit("thread_1", "dad", 100, "edited");
  await clock.advance(5_000);
  requests();
  device.setNetwork(true, true);
  await clock.advance(10_000);
  const [changes, first, second] = requests();
  assert.equal(changes, "GET changes?after=1");
  assert.deepEqual([first, second], ["GET messages?after=0&limit=100", "GET messages?after=100&limit=100"]);
  assert.deepEqual(view.getSnapshot().messages, backend.messages("thread_1"));
});

test("without a socket, changes are fetched by REST", async () => {
  const { clock, server, device, openThread: open } = deviceFixture({ socketRefused: 1 });
  const { seq } = server.backend.commit("thread_1", "dad", "hello");
  server.backend.react("thread_1", "dad", seq, "👍");
  const view = open();
  await clock.advance(MINUTE);
  server.requests.length = 0;
  server.backend.remove("thread_1", "dad", seq);
  await clock.advance(MINUTE);
  assert.equal(view.getSnapshot().messages[0]?.body, "");
  const asked = server.requests.filter((request) => request.includes("/changes"));
  assert.match(asked[0] ?? "", /after=1$/);
  assert.ok(asked.length < 10, `${asked.length} requests in a minute`);
  device.client.close();
});

test("if requests for changes are refused, the view shows the error and requests none again", async () => {
  const { clock, server, device, view, backend, requests, theirs } = await openThread(1);
  requests();
  device.setNetwork(false, true);
  backend.react("thread_1", "dad", theirs, "❤️");
  backend.changesRefused = true;
  await clock.advance(5_000);
  device.setNetwork(true, true);
  await clock.advance(MINUTE);
  assert.equal(server.requests.filter((request) => request.includes("/changes")).length, 1);
  assert.equal(view.getSnapshot().error?.code, "forbidden");
});

test("a list shows the current preview of a changed last message, on devices without the thread, too", async () => {
  const { clock, device, addDevice, backend, theirs } = await openThread(0, { list: true });
  const other = addDevice("tablet", "sarah", { list: true });
  await clock.advance(5_000);
  const previews = () => [device, other].map(preview);
  backend.edit("thread_1", "dad", theirs, "edited");
  await clock.advance(5_000);
  for (const shown of previews()) assert.deepEqual([shown?.body, shown?.rev], ["edited", 1]);
  backend.remove("thread_1", "dad", theirs);
  await clock.advance(5_000);
  for (const shown of previews()) assert.deepEqual([shown?.body, shown?.deletedAt !== undefined], ["", true]);
});

test("the preview of a message that was changed while its thread was archived is current afterwards", async () => {
  const { clock, device, addDevice, backend, theirs } = await openThread(0, { list: true });
  const other = addDevice("tablet", "sarah", { list: true, archivedList: true });
  await clock.advance(5_000);
  device.closeView("thread_1");
  other.set("thread_1", { archived: true });
  await clock.advance(5_000);
  device.setNetwork(false, true);
  backend.remove("thread_1", "dad", theirs);
  await clock.advance(5_000);
  device.setNetwork(true, true);
  await clock.advance(5_000);
  other.set("thread_1", { archived: false });
  await clock.advance(5_000);
  assert.equal(preview(device)?.body, "");
});
