import assert from "node:assert/strict";
import { test } from "node:test";
import type { HearthOptions, SocketLike } from "../src/index.js";
import { problem } from "./support/backend.js";
import { Bench, type Handler } from "./support/bench.js";
import { MemoryStorage } from "./support/device.js";

const DAY = 24 * 60 * 60 * 1000;

/** A socket that never opens: what is sent goes by REST. */
class NoSocket implements SocketLike {
  onopen = null;
  onmessage = null;
  onclose = null;
  onerror = null;
  send(): void {}
  close(): void {}
}

/** A client with a thread open, whose sends `send` answers. */
function opened(send: Handler, options: Partial<HearthOptions> = {}) {
  const bench = new Bench(
    (call, count) => {
      if (call.method === "POST" && call.path.endsWith("/messages")) return send(call, count);
      if (call.path.endsWith("/ws-tickets")) return { status: 200, body: { ticket: "t" } };
      return { status: 200, body: call.path.includes("/messages") ? { messages: [], nextCursor: null } : {} };
    },
    { ...options, environment: { WebSocket: NoSocket, ...options.environment } },
  );
  const view = bench.client.openThread("thread_1");
  const states = () => view.getSnapshot().entries.map(({ body, state }) => `${body}: ${state}`);
  const sends = () => bench.calls.filter(({ method, path }) => method === "POST" && path.endsWith("/messages"));
  return { bench, view, states, sends };
}

const committed: Handler = ({ body, headers }) => {
  const seq = 1;
  return { status: 201, body: { id: `msg_${headers["idempotency-key"]}`, seq, attachments: [], ...(body as object) } };
};

test("what the server refuses for good fails, and the next one goes out", async () => {
  const { status, body } = problem(422, "invalid_request");
  const { bench, view, states, sends } = opened((call, count) => {
    return (call.body as { body: string }).body === "bad" ? { status, body } : committed(call, count);
  });
  const key = view.send("bad");
  view.send("good");
  await bench.clock.advance(1_000);
  assert.deepEqual(states().sort(), ["bad: failed", "good: sent"]);
  const failed = view.getSnapshot().entries.find((entry) => entry.key === key);
  assert.equal(failed?.error?.code, "invalid_request");
  assert.equal(view.retry(key), true);
  await bench.clock.advance(1_000);
  const keys = sends().map(({ headers }) => headers["idempotency-key"]);
  assert.deepEqual([keys.length, keys[0]], [3, keys[2]], "tried again, with its own key");
  assert.equal(view.discard(key), true);
  assert.deepEqual(states(), ["good: sent"]);
  assert.equal(view.retry(key), false);
  assert.equal(view.discard(key), false);
  bench.client.close();
});

test("what may have been committed cannot be discarded, what was never tried can", async () => {
  const { bench, view, states } = opened(() => new TypeError("fetch failed"));
  const first = view.send("first");
  const second = view.send("second");
  await bench.clock.advance(0);
  assert.equal(view.discard(first), false);
  assert.equal(view.discard(second), true);
  assert.deepEqual(states(), ["first: sending"]);
  assert.equal(view.getSnapshot().entries[0]?.error?.code, "network_error");
  bench.client.close();
});

test("while the session is over, messages wait for the next one", async () => {
  let signedIn = false;
  const { bench, view, states } = opened((call, count) => (signedIn ? committed(call, count) : { status: 401 }));
  view.send("hello");
  await bench.clock.advance(10_000);
  assert.deepEqual(states(), ["hello: sending"]);
  signedIn = true;
  bench.client.reconnectNow();
  await bench.clock.advance(100);
  assert.deepEqual(states(), ["hello: sent"]);
  bench.client.close();
});

test("after a 429 it waits as long as it was asked to", async () => {
  const { bench, view, sends } = opened(() => ({ status: 429, headers: { "retry-after": "20" } }));
  view.send("hello");
  await bench.clock.advance(19_999);
  assert.equal(sends().length, 1);
  await bench.clock.advance(2_000);
  assert.equal(sends().length, 2);
  bench.client.close();
});

test("a reload loses nothing, and sends with the same key", async () => {
  const storage = new MemoryStorage();
  storage.setItem("other", "not ours");
  const outbox = { storage, key: "outbox-sarah" };
  const before = opened(() => undefined, { outbox });
  before.view.send("first", [{ id: "file_1", name: "a.jpg", previewUrl: "blob:1" }]);
  before.view.send("second");
  await before.bench.clock.advance(10);
  before.bench.client.close();
  assert.equal(storage.length, 3);

  const after = opened(committed, { outbox });
  assert.deepEqual(after.states(), ["first: sending", "second: sending"]);
  assert.deepEqual(after.view.getSnapshot().entries[0]?.attachments[0]?.url, "", "an object URL is not kept");
  await after.bench.clock.advance(10);
  const keys = [...before.sends(), ...after.sends()].map(({ headers }) => headers["idempotency-key"]);
  assert.equal(keys.length, 3);
  assert.equal(keys[0], keys[1]);
  assert.deepEqual(after.sends()[0]?.body, { body: "first", fileIds: ["file_1"] });
  assert.deepEqual([storage.length, storage.getItem("other")], [1, "not ours"]);
  assert.deepEqual(after.bench.errors, []);
  after.bench.client.close();
});

test("what was tried before the server forgets its key is not sent again unasked", async () => {
  const storage = new MemoryStorage();
  const outbox = { storage, key: "outbox" };
  const before = opened(() => undefined, { outbox });
  before.view.send("long ago");
  await before.bench.clock.advance(10);
  before.bench.client.close();

  // A clock that starts later.
  const later = before.bench.clock.now() + 7 * DAY;
  const after = opened(committed, { outbox, environment: { now: () => later } });
  await after.bench.clock.advance(1_000);
  assert.deepEqual(after.states(), ["long ago: failed"]);
  const [entry] = after.view.getSnapshot().entries;
  assert.equal(entry?.error?.code, "maybe_sent");
  assert.equal(after.sends().length, 0);
  assert.equal(after.view.retry(entry?.key ?? ""), true);
  await after.bench.clock.advance(1_000);
  assert.deepEqual(after.states(), ["long ago: sent"]);
  after.bench.client.close();
});

test("garbage in the storage is reported and left as it is; a full storage is reported, and the message sent", async () => {
  const storage = new MemoryStorage();
  for (const [n, text] of ["{", "null", "7", '{"threadId":1}', '{"threadId":"t","body":"b"}'].entries()) {
    storage.setItem(`outbox:bad-${n}`, text);
  }
  storage.setItem = () => {
    throw new RangeError("QuotaExceededError");
  };
  const { bench, view, states } = opened(committed, { outbox: { storage, key: "outbox" } });
  assert.equal(bench.errors.length, 5);
  assert.equal(storage.length, 5);
  view.send("hello");
  await bench.clock.advance(100);
  assert.deepEqual(states(), ["hello: sent"]);
  assert.ok(bench.errors.slice(5).every((error) => error instanceof RangeError) && bench.errors.length > 5);
  bench.client.close();
});

test("what failed says why after a reload", async () => {
  const storage = new MemoryStorage();
  const outbox = { storage, key: "outbox" };
  const { status, body } = problem(422, "invalid_request");
  const before = opened(() => ({ status, body }), { outbox });
  const key = before.view.send("bad");
  await before.bench.clock.advance(100);
  before.bench.client.close();
  const after = opened(committed, { outbox });
  const [entry] = after.view.getSnapshot().entries;
  assert.equal(entry?.state, "failed");
  const error = before.view.getSnapshot().entries[0]?.error;
  const { kind, code, detail, status: said, requestId, retryable } = entry?.error ?? {};
  assert.deepEqual(
    { kind, code, detail, said, requestId, retryable },
    { kind: "http", code: "invalid_request", detail: error?.detail, said: 422, requestId: "r-1", retryable: false },
  );
  after.bench.client.close();

  // As an earlier version of the library kept it.
  const { error: _, ...old } = JSON.parse(storage.getItem(`outbox:${key}`) ?? "") as { error: unknown };
  storage.setItem(`outbox:${key}`, JSON.stringify(old));
  const later = opened(committed, { outbox });
  assert.deepEqual([later.states(), later.view.getSnapshot().entries[0]?.error], [["bad: failed"], null]);
  later.bench.client.close();
});
