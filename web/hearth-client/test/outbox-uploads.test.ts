import assert from "node:assert/strict";
import { test } from "node:test";
import type { HearthOptions, ThreadView, Upload } from "../src/index.js";
import { ClientFixture, type Handler } from "./support/client-fixture.js";
import { MemoryStorage } from "./support/device.js";
import { FakeLocks } from "./support/fake-locks.js";
import { StubSocket } from "./support/stub-socket.js";

const SECOND = 1_000;

/** The storage and the locks that the tabs of one browser share. */
class Shared {
  readonly storage = new MemoryStorage();
  readonly locks: FakeLocks | undefined;

  constructor(locks: FakeLocks | undefined) {
    this.locks = locks;
  }
}

/**
 * Returns a client with an open thread and without a live connection. `put` answers the uploads of bytes, by default
 * with success after a second. The IDs of files are `file_1`, `file_2` and so on, in the order of their creation.
 */
function tab(shared = new Shared(new FakeLocks()), put: Handler = () => ({ status: 200, body: "", delay: SECOND })) {
  const window = Object.assign(new EventTarget(), {
    navigator: { onLine: true, ...(shared.locks && { locks: shared.locks }) },
  });
  let created = 0;
  let down = false;
  const handler: Handler = (call, count) => {
    if (down) return new TypeError("fetch failed");
    const { method, path, body, headers } = call;
    if (method === "PUT") return put(call, count);
    if (method === "POST" && path.endsWith("/messages")) {
      const { body: text = "", fileIds = [] } = body as { body?: string; fileIds?: string[] };
      const id = `msg_${headers["idempotency-key"]}`;
      const attachments = fileIds.map((file) => ({ id: file, name: "a.png", url: "/", status: "ready" }));
      return { status: 201, body: { id, seq: 1, author: { id: "a", name: "Ann" }, body: text, attachments } };
    }
    if (path.endsWith("/api/files")) {
      created += 1;
      const file = { id: `file_${created}`, name: "a.png", status: "pending" };
      return {
        status: 200,
        body: { uploadUrl: `https://hearth.test/put-${created}`, method: "PUT", headers: {}, file },
      };
    }
    if (path.includes("/status")) return { status: 200, body: { id: "file_1", status: "pending", thumbUrl: null } };
    if (path.endsWith("/ws-tickets")) return { status: 200, body: { ticket: "t" } };
    return { status: 200, body: path.includes("/messages") ? { messages: [], nextCursor: null } : {} };
  };
  const options: Partial<HearthOptions> = { outbox: { storage: shared.storage, key: "outbox" }, maxFileBytes: 100 };
  const fixture = new ClientFixture(handler, { ...options, environment: { WebSocket: StubSocket, window } });
  const view = fixture.client.openThread("thread_1");
  const upload = (bytes = 10) => fixture.client.upload(new Blob([new Uint8Array(bytes)]), { name: "a.png" });
  const sends = () =>
    fixture.calls
      .filter(({ method, path }) => method === "POST" && path.endsWith("/messages"))
      .map(({ body }) => body as { body: string; fileIds?: string[] });
  const setNetwork = (up: boolean) => {
    down = !up;
    window.navigator.onLine = up;
    window.dispatchEvent(new Event(up ? "online" : "offline"));
  };
  const advance = (milliseconds: number) => fixture.clock.advance(milliseconds);
  return { fixture, client: fixture.client, view, upload, sends, setNetwork, advance, shared };
}

function shown(view: ThreadView) {
  return view.getSnapshot().entries.map(({ body, state, upload, error, attachments }) => {
    const files = attachments.map(({ status }) => status).join(" ");
    return [body, state, upload?.phase ?? null, error?.code ?? null, files];
  });
}

const uploading = (upload: Upload) => ({ upload, name: "a.png", mimetype: "image/png", previewUrl: "blob:1" });

test("a message waits for its files, shows their progress, and does not delay later ones", async () => {
  const { client, fixture, view, upload, sends, advance } = tab();
  const files = [uploading(upload(10)), { id: "file_0", name: "b.png" }, uploading(upload(30))];
  view.send("photos", files);
  view.send("text");
  const [entry] = view.getSnapshot().entries;
  assert.deepEqual(entry?.upload, { phase: "uploading", loaded: 0, total: 40, error: null });
  assert.deepEqual(
    entry?.attachments.map(({ size, url }) => [size, url]),
    [
      [10, "blob:1"],
      [0, ""],
      [30, "blob:1"],
    ],
  );
  const ids = entry?.attachments.map(({ id }) => id) ?? [];
  assert.equal(new Set(ids).size, 3);
  let changes = 0;
  view.subscribe(() => {
    changes += 1;
  });
  await advance(SECOND / 2);
  assert.deepEqual(sends(), [{ body: "text" }]);
  assert.equal(client.unsentMessages(), 1);
  assert.deepEqual(shown(view)[1], ["photos", "sending", "uploading", null, "pending pending pending"]);
  await advance(SECOND);
  assert.deepEqual(sends()[1], { body: "photos", fileIds: ["file_1", "file_0", "file_2"] });
  assert.ok(changes > 1);
  assert.deepEqual([client.unsentMessages(), fixture.errors], [0, []]);
  client.close();
});

test("a message sent offline with its files goes out when the network is back", async () => {
  const { client, view, upload, sends, setNetwork, advance } = tab();
  setNetwork(false);
  view.send("photo", [uploading(upload())]);
  view.send("text");
  await advance(3_600 * SECOND);
  assert.deepEqual(shown(view)[0], ["photo", "sending", "waiting", null, "pending"]);
  setNetwork(true);
  await advance(SECOND + 1);
  assert.deepEqual(
    sends().filter(({ fileIds }) => fileIds !== undefined),
    [{ body: "photo", fileIds: ["file_1"] }],
  );
  client.close();
});

test("a file that fails makes its message fail, and a retry uploads only this file again", async () => {
  let refusing = true;
  const put: Handler = ({ path }) => {
    return refusing && path.endsWith("/put-2") ? { status: 503 } : { status: 200, body: "", delay: SECOND };
  };
  const { client, fixture, view, upload, sends, advance } = tab(undefined, put);
  const key = view.send("photos", [uploading(upload()), uploading(upload())]);
  view.send("text");
  await advance(60 * SECOND);
  assert.deepEqual(shown(view).slice(1), [["photos", "failed", null, "upload_refused", "pending failed"]]);
  assert.deepEqual(sends(), [{ body: "text" }]);
  refusing = false;
  assert.equal(view.retry(key), true);
  assert.deepEqual(shown(view)[1], ["photos", "sending", "uploading", null, "pending pending"]);
  await advance(2 * SECOND);
  assert.deepEqual(sends()[1], { body: "photos", fileIds: ["file_1", "file_3"] });
  assert.equal(view.retry(key), false);
  assert.deepEqual(fixture.errors, []);
  client.close();
});

test("a file that is too large fails again, and its message can be discarded", async () => {
  const { client, view, upload, sends, advance } = tab();
  const key = view.send("photo", [uploading(upload(101))]);
  for (let round = 0; round < 2; round += 1) {
    await advance(SECOND);
    assert.deepEqual(shown(view), [["photo", "failed", null, "file_too_large", "failed"]]);
    assert.equal(view.getSnapshot().entries[0]?.error?.retryable, false);
    assert.equal(view.retry(key), true);
  }
  await advance(SECOND);
  assert.equal(view.discard(key), true);
  assert.deepEqual([shown(view), sends(), client.unsentMessages()], [[], [], 0]);
  client.close();
});

test("discarding a message aborts its uploads, and an upload that the page aborts makes its message fail", async () => {
  const { client, fixture, view, upload, sends, advance } = tab();
  const [first, second] = [upload(), upload()];
  const key = view.send("one", [uploading(first)]);
  view.send("two", [uploading(second)]);
  await advance(SECOND / 2);
  assert.equal(view.discard(key), true);
  second.abort();
  await advance(60 * SECOND);
  await assert.rejects(first.sent, { name: "AbortError" });
  assert.deepEqual([shown(view), sends()], [[["two", "failed", null, "upload_interrupted", "failed"]], []]);
  client.close();
  await advance(0);
  assert.equal(fixture.clock.pending("client"), 0);
});

test("after a reload, a message whose files were not uploaded has failed, and keeps its text", async () => {
  for (const locks of [new FakeLocks(), undefined]) {
    const shared = new Shared(locks);
    const before = tab(shared);
    before.view.send("photo", [uploading(before.upload()), { id: "file_0" }]);
    await before.advance(SECOND / 2);
    before.client.close();
    const after = tab(shared);
    await after.advance(60 * SECOND);
    assert.deepEqual(shown(after.view), [["photo", "failed", null, "upload_interrupted", "failed pending"]]);
    const [entry] = after.view.getSnapshot().entries;
    const key = entry?.key ?? "";
    assert.deepEqual(
      entry?.attachments.map(({ id }) => id.startsWith(key)),
      [true, false],
    );
    assert.equal(after.view.retry(key), false);
    assert.deepEqual([after.sends(), after.fixture.errors], [[], []]);
    assert.equal(after.view.discard(key), true);
    assert.equal(shared.storage.length, 0);
    after.client.close();
  }
});

test("another tab waits for the tab that uploads, and takes over what it leaves", async () => {
  for (const end of ["sent", "closed", "discarded"] as const) {
    const shared = new Shared(new FakeLocks());
    const one = tab(shared);
    const key = one.view.send("photo", [uploading(one.upload())]);
    await one.advance(SECOND / 2);
    const two = tab(shared);
    await two.advance(60 * SECOND);
    assert.deepEqual(shown(two.view), [["photo", "sending", null, null, "pending"]]);
    if (end === "closed") one.client.close();
    if (end === "discarded") assert.equal(two.view.discard(key), true);
    await one.advance(60 * SECOND);
    await two.advance(60 * SECOND);
    // If the uploads succeeded, both tabs may send the message: its idempotency key prevents a duplicate.
    for (const { sends } of [one, two]) assert.equal(sends().length, end === "sent" ? 1 : 0);
    const left = { sent: [], closed: ["upload_interrupted"], discarded: [] }[end];
    const unsent = shown(two.view).filter(([, state]) => state !== "sent");
    assert.deepEqual(
      unsent.map(([, , , code]) => code),
      left,
      end,
    );
    assert.equal(shared.storage.length, left.length);
    assert.deepEqual([one.fixture.errors, two.fixture.errors], [[], []]);
    one.client.close();
    two.client.close();
  }
});

test("a sign-out that discards unsent messages aborts their uploads", async () => {
  const { client, fixture, view, upload, sends, advance, shared } = tab();
  view.send("photo", [uploading(upload())]);
  await advance(SECOND / 2);
  client.close({ discardUnsent: true });
  await advance(60 * SECOND);
  assert.deepEqual([sends(), shared.storage.length, fixture.clock.pending("client")], [[], 0, 0]);
});
