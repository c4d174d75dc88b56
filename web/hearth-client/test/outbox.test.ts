import assert from "node:assert/strict";
import { test } from "node:test";
import type { HearthError, HearthOptions } from "../src/index.js";
import { ClientFixture, type Handler } from "./support/client-fixture.js";
import { MemoryStorage } from "./support/device.js";
import { problem } from "./support/replies.js";
import { StubSocket } from "./support/stub-socket.js";

const DAY = 24 * 60 * 60 * 1000;

/**
 * Returns a client with an open thread and without a live connection. `send` answers the requests that send a message.
 */
function clientWithThread(send: Handler, options: Partial<HearthOptions> = {}) {
  const fixture = new ClientFixture(
    (call, count) => {
      if (call.method === "POST" && call.path.endsWith("/messages")) return send(call, count);
      if (call.path.endsWith("/ws-tickets")) return { status: 200, body: { ticket: "t" } };
      return { status: 200, body: call.path.includes("/messages") ? { messages: [], nextCursor: null } : {} };
    },
    { ...options, environment: { WebSocket: StubSocket, ...options.environment } },
  );
  const view = fixture.client.openThread("thread_1");
  const states = () => view.getSnapshot().entries.map(({ body, state }) => `${body}: ${state}`);
  const sends = () => fixture.calls.filter(({ method, path }) => method === "POST" && path.endsWith("/messages"));
  return { fixture, view, states, sends };
}

const committed: Handler = ({ body, headers }) => {
  const seq = 1;
  return {
    status: 201,
    body: {
      id: `msg_${headers["idempotency-key"]}`,
      seq,
      author: { id: "a", name: "Ann" },
      attachments: [],
      ...(body as object),
    },
  };
};

test("a message that the server refuses permanently fails, and the next one is sent", async () => {
  const { status, body } = problem(422, "invalid_request");
  const { fixture, view, states, sends } = clientWithThread((call, count) => {
    return (call.body as { body: string }).body === "bad" ? { status, body } : committed(call, count);
  });
  const key = view.send("bad");
  view.send("good");
  await fixture.clock.advance(1_000);
  assert.deepEqual(states().sort(), ["bad: failed", "good: sent"]);
  const failed = view.getSnapshot().entries.find((entry) => entry.key === key);
  assert.equal(failed?.error?.code, "invalid_request");
  assert.equal(view.retry(key), true);
  await fixture.clock.advance(1_000);
  const keys = sends().map(({ headers }) => headers["idempotency-key"]);
  assert.deepEqual([keys.length, keys[0]], [3, keys[2]], "the retry must use the same key");
  assert.equal(view.discard(key), true);
  assert.deepEqual(states(), ["good: sent"]);
  assert.equal(view.retry(key), false);
  assert.equal(view.discard(key), false);
  fixture.client.close();
});

test("a message that may have been committed cannot be discarded, one that was never sent can", async () => {
  const { fixture, view, states } = clientWithThread(() => new TypeError("fetch failed"));
  const first = view.send("first");
  const second = view.send("second");
  await fixture.clock.advance(0);
  assert.equal(view.discard(first), false);
  assert.equal(view.discard(second), true);
  assert.deepEqual(states(), ["first: sending"]);
  assert.equal(view.getSnapshot().entries[0]?.error?.code, "network_error");
  fixture.client.close();
});

test("with force, a message that may have been committed is discarded, and the next one is sent at once", async () => {
  const { fixture, view, states, sends } = clientWithThread((call, count) => {
    return (call.body as { body: string }).body === "first" ? undefined : committed(call, count);
  });
  const first = view.send("first");
  view.send("second");
  await fixture.clock.advance(1);
  assert.equal(view.getSnapshot().entries[0]?.maybeSent, true);
  assert.equal(view.getSnapshot().entries[1]?.maybeSent, false);
  assert.equal(view.discard(first), false);
  assert.equal(view.discard(first, { force: true }), true);
  assert.equal(view.discard(first, { force: true }), false);
  await fixture.clock.advance(0);
  assert.deepEqual(states(), ["second: sent"]);
  await fixture.clock.advance(60_000);
  assert.equal(sends().length, 2);
  fixture.client.close();
});

test("with force, a message is discarded while it waits for its retry", async () => {
  const { fixture, view, states, sends } = clientWithThread((call, count) => {
    return (call.body as { body: string }).body === "first" ? { status: 503 } : committed(call, count);
  });
  const first = view.send("first");
  await fixture.clock.advance(60_000);
  const before = sends().length;
  view.send("second");
  assert.equal(view.discard(first, { force: true }), true);
  await fixture.clock.advance(0);
  assert.deepEqual([states(), sends().length], [["second: sent"], before + 1]);
  fixture.client.close();
});

test("a message that was only tried without a network can be discarded without force", async () => {
  const window = Object.assign(new EventTarget(), { navigator: { onLine: false } });
  const down: Handler = () => new TypeError("fetch failed");
  const { fixture, view, states, sends } = clientWithThread(down, { environment: { window } });
  const first = view.send("first");
  const second = view.send("second");
  await fixture.clock.advance(60_000);
  assert.ok(sends().length > 1);
  assert.equal(view.getSnapshot().entries[0]?.maybeSent, false);
  assert.equal(view.discard(first), true);
  window.navigator.onLine = true;
  await fixture.clock.advance(60_000);
  assert.equal(view.getSnapshot().entries[0]?.maybeSent, true);
  assert.equal(view.discard(second), false);
  assert.deepEqual(states(), ["second: sending"]);
  fixture.client.close();
});

test("a message that is discarded in one tab is not sent by another", async () => {
  const outbox = { storage: new MemoryStorage(), key: "outbox" };
  let down = true;
  const send: Handler = (call, count) => (down ? { status: 503 } : committed(call, count));
  const one = clientWithThread(send, { outbox });
  const key = one.view.send("hello");
  await one.fixture.clock.advance(1_000);
  const two = clientWithThread(send, { outbox });
  await two.fixture.clock.advance(1_000);
  const before = two.sends().length;
  assert.equal(one.view.discard(key, { force: true }), true);
  down = false;
  await two.fixture.clock.advance(60_000);
  assert.deepEqual([two.states(), two.sends().length], [[], before]);
  assert.equal(two.fixture.client.unsentMessages(), 0);
  one.fixture.client.close();
  two.fixture.client.close();
});

test("messages wait while the user is signed out, and are sent after the next sign-in", async () => {
  let signedIn = false;
  const { fixture, view, states } = clientWithThread((call, count) =>
    signedIn ? committed(call, count) : { status: 401 },
  );
  view.send("hello");
  await fixture.clock.advance(10_000);
  assert.deepEqual(states(), ["hello: sending"]);
  signedIn = true;
  fixture.client.reconnectNow();
  await fixture.clock.advance(100);
  assert.deepEqual(states(), ["hello: sent"]);
  fixture.client.close();
});

test("a retry after a 429 waits for Retry-After", async () => {
  const { fixture, view, sends } = clientWithThread(() => ({ status: 429, headers: { "retry-after": "20" } }));
  view.send("hello");
  await fixture.clock.advance(19_999);
  assert.equal(sends().length, 1);
  await fixture.clock.advance(2_000);
  assert.equal(sends().length, 2);
  fixture.client.close();
});

test("after a 429, no message of any thread is sent before Retry-After, and none is lost", async () => {
  const HOUR = 60 * 60 * 1000;
  for (const [seconds, wait] of [
    ["3600", HOUR],
    ["999999999", 24 * HOUR], // a mistake of the server
  ] as const) {
    let refusing = true;
    const { status, body } = problem(429, "rate_limited");
    const { fixture, view, sends } = clientWithThread((call, count) =>
      refusing ? { status, body, headers: { "retry-after": seconds } } : committed(call, count),
    );
    view.send("one");
    await fixture.clock.advance(1_000);
    refusing = false;
    const other = fixture.client.openThread("thread_2");
    other.send("two");
    view.send("three");
    await fixture.clock.advance(1_000);
    for (const { error, nextTryAt } of [...view.getSnapshot().entries, ...other.getSnapshot().entries]) {
      assert.ok(error === null || (error as HearthError).code === "rate_limited");
      assert.ok((nextTryAt ?? 0) >= fixture.clock.now() + wait - 2_000);
    }
    fixture.client.reconnectNow();
    await fixture.clock.advance(wait - 2_001);
    fixture.client.reconnectNow();
    await fixture.clock.advance(0);
    assert.equal(sends().length, 1, seconds);
    await fixture.clock.advance(5_000);
    const bodies = sends().map(({ body }) => (body as { body: string }).body);
    assert.deepEqual(bodies.sort(), ["one", "one", "three", "two"]);
    for (const { state, nextTryAt } of [...view.getSnapshot().entries, ...other.getSnapshot().entries]) {
      assert.deepEqual([state, nextTryAt], ["sent", null]);
    }
    fixture.client.close();
  }
});

test("a client that is closed while the server refuses messages leaves no timer, and the next one sends them", async () => {
  const outbox = { storage: new MemoryStorage(), key: "outbox" };
  const refused: Handler = () => ({ status: 429, headers: { "retry-after": "60" } });
  const before = clientWithThread(refused, { outbox });
  before.view.send("kept");
  await before.fixture.clock.advance(1_000);
  before.fixture.client.close();
  await before.fixture.clock.advance(0);
  assert.equal(before.fixture.clock.pending("client"), 0);
  const after = clientWithThread(committed, { outbox });
  await after.fixture.clock.advance(1_000);
  assert.deepEqual(after.states(), ["kept: sent"]);
  after.fixture.client.close();
});

test("messages survive a reload and are sent with the same idempotency key", async () => {
  const storage = new MemoryStorage();
  storage.setItem("other", "another application's item");
  const outbox = { storage, key: "outbox-sarah" };
  const before = clientWithThread(() => undefined, { outbox });
  before.view.send("first", [{ id: "file_1", name: "a.jpg", previewUrl: "blob:1" }]);
  before.view.send("second");
  await before.fixture.clock.advance(10);
  before.fixture.client.close();
  assert.equal(storage.length, 3);

  const after = clientWithThread(committed, { outbox });
  assert.deepEqual(after.states(), ["first: sending", "second: sending"]);
  assert.deepEqual(after.view.getSnapshot().entries[0]?.attachments[0]?.url, "", "the object URL must not be kept");
  await after.fixture.clock.advance(10);
  const keys = [...before.sends(), ...after.sends()].map(({ headers }) => headers["idempotency-key"]);
  assert.equal(keys.length, 3);
  assert.equal(keys[0], keys[1]);
  assert.deepEqual(after.sends()[0]?.body, { body: "first", fileIds: ["file_1"] });
  assert.deepEqual([storage.length, storage.getItem("other")], [1, "another application's item"]);
  assert.deepEqual(after.fixture.errors, []);
  after.fixture.client.close();
});

test("close with discardUnsent removes all stored messages, also those that are being sent or of other tabs", async () => {
  const storage = new MemoryStorage();
  const outbox = { storage, key: "outbox-sarah" };
  for (const name of ["outbox-sarahs:key", "other"]) storage.setItem(name, "another application's item");
  storage.setItem("outbox-sarah:unreadable", "{");
  const answers: (() => void)[] = [];
  const { fixture, view } = clientWithThread(() => undefined, {
    outbox,
    environment: {
      fetch: (_url, { signal }) =>
        new Promise((_, reject) => {
          answers.push(() => reject(new TypeError("fetch failed")));
          signal.addEventListener("abort", () => reject(signal.reason));
        }),
    },
  });
  const tab = clientWithThread(() => undefined, { outbox });
  tab.view.send("from another tab");
  view.send("being sent");
  view.send("waiting");
  await fixture.clock.advance(10);
  assert.equal(fixture.client.unsentMessages(), 4);
  fixture.client.close({ discardUnsent: true });
  for (const answer of answers) answer();
  await fixture.clock.advance(60_000);
  assert.deepEqual([storage.key(0), storage.key(1), storage.length], ["outbox-sarahs:key", "other", 2]);
  assert.equal(fixture.client.unsentMessages(), 0);
  tab.fixture.client.close();

  const later = clientWithThread(committed, { outbox });
  await later.fixture.clock.advance(1_000);
  assert.deepEqual([later.states(), later.sends().length], [[], 0]);
  later.fixture.client.close();
});

test("unsentMessages counts messages without a storage too, and close is possible twice", async () => {
  const { fixture, view } = clientWithThread(() => undefined);
  view.send("hello");
  await fixture.clock.advance(10);
  assert.equal(fixture.client.unsentMessages(), 1);
  fixture.client.close();
  fixture.client.close({ discardUnsent: true });
  assert.equal(fixture.client.unsentMessages(), 0);
  await fixture.clock.advance(0);
  assert.equal(fixture.clock.pending("client"), 0);
});

test("a message that was first sent more than 6 days ago fails instead of being sent again", async () => {
  const storage = new MemoryStorage();
  const outbox = { storage, key: "outbox" };
  const before = clientWithThread(() => undefined, { outbox });
  before.view.send("long ago");
  await before.fixture.clock.advance(10);
  before.fixture.client.close();

  // The second client's clock is 7 days ahead, so the message's idempotency key is too old for a retry.
  const later = before.fixture.clock.now() + 7 * DAY;
  const after = clientWithThread(committed, { outbox, environment: { now: () => later } });
  await after.fixture.clock.advance(1_000);
  assert.deepEqual(after.states(), ["long ago: failed"]);
  const [entry] = after.view.getSnapshot().entries;
  assert.equal(entry?.error?.code, "maybe_sent");
  assert.equal(after.sends().length, 0);
  assert.equal(after.view.retry(entry?.key ?? ""), true);
  await after.fixture.clock.advance(1_000);
  assert.deepEqual(after.states(), ["long ago: sent"]);
  after.fixture.client.close();
});

test("invalid storage items are reported and kept, and messages are sent even if the storage is full", async () => {
  const storage = new MemoryStorage();
  for (const [n, text] of ["{", "null", "7", '{"threadId":1}', '{"threadId":"t","body":"b"}'].entries()) {
    storage.setItem(`outbox:bad-${n}`, text);
  }
  storage.setItem = () => {
    throw new RangeError("QuotaExceededError");
  };
  const { fixture, view, states } = clientWithThread(committed, { outbox: { storage, key: "outbox" } });
  assert.equal(fixture.errors.length, 5);
  assert.equal(storage.length, 5);
  view.send("hello");
  await fixture.clock.advance(100);
  assert.deepEqual(states(), ["hello: sent"]);
  assert.ok(fixture.errors.slice(5).every((error) => error instanceof RangeError) && fixture.errors.length > 5);
  fixture.client.close();
});

test("a failed message keeps its error across a reload", async () => {
  const storage = new MemoryStorage();
  const outbox = { storage, key: "outbox" };
  const { status, body } = problem(422, "invalid_request");
  const before = clientWithThread(() => ({ status, body }), { outbox });
  const key = before.view.send("bad");
  await before.fixture.clock.advance(100);
  before.fixture.client.close();
  const after = clientWithThread(committed, { outbox });
  const [entry] = after.view.getSnapshot().entries;
  assert.equal(entry?.state, "failed");
  const error = before.view.getSnapshot().entries[0]?.error;
  const { kind, code, detail, status: httpStatus, requestId, retryable } = entry?.error ?? {};
  assert.deepEqual(
    { kind, code, detail, httpStatus, requestId, retryable },
    {
      kind: "http",
      code: "invalid_request",
      detail: error?.detail,
      httpStatus: 422,
      requestId: "r-1",
      retryable: false,
    },
  );
  after.fixture.client.close();

  // Remove the stored error, because earlier versions of the library did not store it.
  const { error: _, ...old } = JSON.parse(storage.getItem(`outbox:${key}`) ?? "") as { error: unknown };
  storage.setItem(`outbox:${key}`, JSON.stringify(old));
  const later = clientWithThread(committed, { outbox });
  assert.deepEqual([later.states(), later.view.getSnapshot().entries[0]?.error], [["bad: failed"], null]);
  later.fixture.client.close();
});
