import assert from "node:assert/strict";
import { test } from "node:test";
import type { HearthError, UploadProgress } from "../src/index.js";
import { ClientFixture, type Handler, rejection } from "./support/client-fixture.js";
import { problem } from "./support/replies.js";

const FILE = new Blob(["12345678"], { type: "image/png" });

/**
 * Returns a handler that answers the requests for a file's status with `statuses` in turn, and then always with the
 * last status. `put` answers the upload of the bytes.
 */
function server(statuses: string[], put: Handler = () => ({ status: 200, body: "" })): Handler {
  let asked = 0;
  return (call, count) => {
    if (call.method === "PUT") return put(call, count);
    if (call.path.endsWith("/api/files")) {
      const file = { id: "file_1", name: "a.png", status: "pending" };
      const headers = { "content-type": "image/png" };
      return {
        status: 200,
        body: { uploadUrl: "https://hearth.test/put", method: "PUT", headers, expiresAt: "", file },
      };
    }
    asked += 1;
    const status = statuses[Math.min(asked, statuses.length) - 1];
    const more = status === "failed" ? { reason: "The image could not be decoded." } : {};
    return { status: 200, body: { id: "file_1", name: "a.png", status, thumbUrl: null, ...more } };
  };
}

test("an upload is first sent, then ready", async () => {
  const fixture = new ClientFixture(server(["pending", "pending", "ready"]));
  const reported: UploadProgress[] = [];
  const upload = fixture.client.upload(FILE, { name: "a.png", onProgress: (progress) => reported.push(progress) });
  assert.equal((await upload.sent).id, "file_1");
  await fixture.clock.advance(20_000);
  assert.equal((await upload.ready).status, "ready");
  assert.deepEqual(fixture.calls[0]?.body, { filename: "a.png", mimetype: "image/png", size: 8 });
  assert.deepEqual(
    fixture.calls[1]?.headers,
    { "content-type": "image/png" },
    "the storage must not receive the token",
  );
  assert.deepEqual(
    reported.map(({ phase, loaded, total }) => [phase, loaded, total]),
    [
      ["uploading", 0, 8],
      ["uploading", 8, 8],
      ["processing", 8, 8],
    ],
  );
  await fixture.clock.advance(60_000);
  assert.equal(fixture.clock.pending("client"), 0);
});

test("ready rejects with the server's reason if the file is failed", async () => {
  const fixture = new ClientFixture(server(["failed"]));
  const upload = fixture.client.upload(FILE);
  const failure = rejection(upload.ready);
  await fixture.clock.advance(5_000);
  const error = (await failure) as HearthError;
  assert.deepEqual([error.kind, error.code, error.detail], ["file", "file_failed", "The image could not be decoded."]);
  assert.equal((await upload.sent).id, "file_1");
});

test("a refusal by the storage becomes an error with the storage's code and message, without a retry", async () => {
  const text = "<Error><Code>SignatureDoesNotMatch</Code><Message>No.</Message><RequestId>s3-1</RequestId></Error>";
  const fixture = new ClientFixture(server([], () => ({ status: 403, body: text })));
  const error = (await rejection(fixture.client.upload(FILE).sent)) as HearthError;
  assert.deepEqual(
    [error.code, error.detail, error.requestId],
    ["upload_refused", "SignatureDoesNotMatch: No.", "s3-1"],
  );
  assert.equal(fixture.calls.length, 2);
});

test("an upload is retried while the storage is unavailable, up to five attempts", async () => {
  const passing = new ClientFixture(
    server(["ready"], (_, count) => (count < 4 ? { status: 503 } : { status: 200, body: "" })),
  );
  const upload = passing.client.upload(FILE);
  await passing.clock.advance(30_000);
  assert.equal((await upload.ready).status, "ready");

  const gone = new ClientFixture(server([], () => ({ status: 503 })));
  const failure = rejection(gone.client.upload(FILE).ready);
  await gone.clock.advance(120_000);
  assert.equal(((await failure) as HearthError).status, 503);
  assert.equal(gone.calls.length, 6);
});

test("an upload waits while the network is down, for as long as it takes, and continues at once when it is back", async () => {
  const window = new EventTarget();
  let down = true;
  const put: Handler = () => (down ? new TypeError("fetch failed") : { status: 200, body: "" });
  const ready = server(["ready"], put);
  const { client, clock, calls } = new ClientFixture(
    (call, count) => (down && count === 1 ? new TypeError("fetch failed") : ready(call, count)),
    { environment: { window } },
  );
  const upload = client.upload(FILE);
  await clock.advance(3_600_000);
  assert.ok(calls.length > 100);
  const { phase, loaded, error } = upload.progress.getSnapshot();
  assert.deepEqual([phase, loaded, error?.code], ["waiting", 0, "network_error"]);
  down = false;
  window.dispatchEvent(new Event("online"));
  await clock.advance(0);
  assert.equal((await upload.sent).id, "file_1");
  assert.deepEqual(upload.progress.getSnapshot(), { phase: "processing", loaded: 8, total: 8, error: null });
  upload.abort();
  await rejection(upload.ready);
});

test("an upload whose URL has expired meanwhile gets a new one, by the clock or after a refusal", async () => {
  for (const knownExpiry of [true, false]) {
    let created = 0;
    let down = true;
    const fixture: ClientFixture = new ClientFixture((call) => {
      if (call.method === "GET") return { status: 200, body: { id: "file_2", status: "pending", thumbUrl: null } };
      if (call.method === "PUT") {
        if (down) return new TypeError("fetch failed");
        return call.path.endsWith("/put-2") ? { status: 200, body: "" } : { status: 403, body: "<Error/>" };
      }
      created += 1;
      const expiresAt = knownExpiry ? new Date(fixture.clock.now() + 900_000).toISOString() : "";
      const file = { id: `file_${created}`, name: "a.png", status: "pending" };
      const uploadUrl = `https://hearth.test/put-${created}`;
      return { status: 200, body: { uploadUrl, method: "PUT", headers: {}, expiresAt, file } };
    });
    const { client, clock } = fixture;
    const upload = client.upload(FILE);
    await clock.advance(knownExpiry ? 800_000 : 3_600_000);
    assert.equal(created, 1);
    if (knownExpiry) await clock.advance(100_000);
    down = false;
    await clock.advance(60_000);
    assert.deepEqual([(await upload.sent).id, created], ["file_2", 2]);
    client.close();
    await rejection(upload.ready);
  }
});

test("a file that cannot be uploaded is refused at once, with a code that says why and no retry", async () => {
  const refused = problem(422, "invalid_request");
  Object.assign(refused.body as object, { errors: [{ field: "size", message: "must be a whole number" }] });
  const fixture = new ClientFixture(() => refused, { maxFileBytes: 2 ** 20 });
  const unreadable = Object.assign(new Blob(["1"]), {
    slice: () => ({ arrayBuffer: () => Promise.reject(new DOMException("changed", "NotReadableError")) }),
  });
  for (const [file, code, requests] of [
    [new Blob([]), "file_empty", 0],
    [new Blob([new Uint8Array(2 ** 20 + 1)]), "file_too_large", 0],
    [FILE, "file_too_large", 1], // the deployment's limit is smaller
  ] as const) {
    const before = fixture.calls.length;
    const upload = fixture.client.upload(file);
    const error = (await rejection(upload.sent)) as HearthError;
    assert.deepEqual([error.kind, error.code, error.retryable], ["file", code, false]);
    assert.equal(await rejection(upload.ready), error);
    assert.equal(fixture.calls.length - before, requests);
  }
  const offline = new ClientFixture(server([], () => new TypeError("fetch failed")));
  const error = (await rejection(offline.client.upload(unreadable).sent)) as HearthError;
  assert.deepEqual([error.code, error.retryable], ["file_unreadable", false]);
  assert.equal(offline.calls.length, 2);
  const limit = 25 * 2 ** 20;
  const large = rejection(offline.client.upload(new Blob([new Uint8Array(limit + 1)])).sent);
  assert.equal(((await large) as HearthError).code, "file_too_large");
  assert.equal(offline.calls.length, 2);
});

test("a picture is uploaded, inspected and then set, and null removes it", async () => {
  const inspect = server(["pending", "ready"]);
  const changes: unknown[] = [];
  const { client, clock } = new ClientFixture((call, count) => {
    if (call.method !== "PATCH") return inspect(call, count);
    changes.push(call.body);
    if (changes.length === 1) return { status: 503 };
    const picture = (call.body as { avatarFileId: string | null }).avatarFileId;
    return { status: 200, body: { id: "a", name: "Ann", receipts: true, ...(picture && { avatarUrl: "/thumbs/1" }) } };
  });
  const set = client.setAvatar(FILE);
  await clock.advance(30_000);
  assert.equal((await set).avatarUrl, "https://hearth.test/base/thumbs/1");
  assert.equal((await client.setAvatar(null)).avatarUrl, undefined);
  const set2 = { avatarFileId: "file_1" };
  assert.deepEqual(changes, [set2, set2, { avatarFileId: null }]);
});

test("a picture that the server refuses is not set", async () => {
  for (const [statuses, code] of [
    [["failed"], "file_failed"],
    [["ready"], "invalid_request"],
  ] as const) {
    const inspect = server([...statuses]);
    const { client, clock, calls } = new ClientFixture((call, count) => {
      return call.method === "PATCH" ? problem(422, "invalid_request") : inspect(call, count);
    });
    const failure = rejection(client.setAvatar(FILE));
    await clock.advance(30_000);
    assert.equal(((await failure) as HearthError).code, code);
    assert.equal(calls.filter(({ method }) => method === "PATCH").length, code === "invalid_request" ? 1 : 0);
  }
});

test("an upload waits for a Retry-After of up to a minute, and rejects for a longer one", async () => {
  const ready = server(["ready"]);
  const { status, body } = problem(429, "quota_exceeded");
  const limited = (seconds: string) =>
    new ClientFixture((call, count) => {
      return count === 1 ? { status, body, headers: { "retry-after": seconds } } : ready(call, count);
    });
  const short = limited("60");
  const upload = short.client.upload(FILE);
  await short.clock.advance(59_999);
  assert.equal(short.calls.length, 1);
  await short.clock.advance(30_000);
  assert.equal((await upload.ready).status, "ready");

  const long = limited("61");
  const error = (await rejection(long.client.upload(FILE).sent)) as HearthError;
  assert.deepEqual([error.code, error.retryAfter, error.retryable], ["quota_exceeded", 61_000, true]);
  await long.clock.advance(3_600_000);
  assert.equal(long.calls.length, 1);
});

test("an upload can be aborted in every phase", async () => {
  for (const advance of [0, 100]) {
    for (const put of [() => undefined, () => ({ status: 200, body: "" })] satisfies Handler[]) {
      const fixture = new ClientFixture(server(["pending"], put));
      const upload = fixture.client.upload(FILE);
      const failure = rejection(upload.ready);
      await fixture.clock.advance(advance);
      upload.abort();
      assert.equal(((await failure) as Error).name, "AbortError");
      await fixture.clock.advance(60_000);
      assert.equal(fixture.clock.pending("client"), 0);
    }
  }
  const controller = new AbortController();
  controller.abort(new RangeError("before"));
  const fixture = new ClientFixture(server([]));
  assert.ok((await rejection(fixture.client.upload(FILE, { signal: controller.signal }).sent)) instanceof RangeError);
  assert.equal(fixture.calls.length, 0);
});

/** A fake of the part of XMLHttpRequest that the library uses, controlled by a test. */
class FakeXhr {
  static last: FakeXhr | null = null;
  readonly upload: { onprogress: ((event: { loaded: number }) => void) | null } = { onprogress: null };
  readonly headers: Record<string, string> = {};
  onload: (() => void) | null = null;
  onerror: (() => void) | null = null;
  status = 0;
  responseText = "";
  allHeaders = "";
  aborted = false;

  constructor() {
    FakeXhr.last = this;
  }

  open(): void {}
  send(): void {}

  setRequestHeader(name: string, value: string): void {
    this.headers[name] = value;
  }

  getAllResponseHeaders(): string {
    return this.allHeaders;
  }

  abort(): void {
    this.aborted = true;
  }
}

function inBrowser(statuses: string[]) {
  FakeXhr.last = null;
  const fixture = new ClientFixture(server(statuses), {
    environment: { XMLHttpRequest: FakeXhr as unknown as new () => XMLHttpRequest },
  });
  const reported: number[] = [];
  const upload = fixture.client.upload(FILE, { onProgress: ({ loaded }) => reported.push(loaded) });
  const xhr = async () => {
    await fixture.clock.advance(0);
    assert.ok(FakeXhr.last !== null);
    return FakeXhr.last as FakeXhr;
  };
  return { fixture, upload, reported, xhr };
}

test("with XMLHttpRequest, progress is reported during the transfer", async () => {
  const { fixture, upload, reported, xhr } = inBrowser(["ready"]);
  const request = await xhr();
  request.upload.onprogress?.({ loaded: 3 });
  // Some browsers also count the request's overhead, so more bytes may be reported than the file's 8.
  request.upload.onprogress?.({ loaded: 9 });
  request.status = 200;
  request.onload?.();
  await upload.sent;
  assert.deepEqual(request.headers, { "content-type": "image/png" });
  await fixture.clock.advance(10_000);
  await upload.ready;
  assert.deepEqual(reported, [0, 3, 8, 8, 8]);
});

test("a stalled upload is retried", async () => {
  const { fixture, upload, xhr } = inBrowser(["ready"]);
  const first = await xhr();
  await fixture.clock.advance(59_000);
  first.upload.onprogress?.({ loaded: 1 });
  await fixture.clock.advance(59_000);
  assert.equal(first.aborted, false);
  await fixture.clock.advance(10_000);
  assert.equal(first.aborted, true);
  const second = await xhr();
  assert.notEqual(second, first);
  second.status = 503;
  second.allHeaders = "content-type: application/xml\r\nRetry-After: 20\r\n";
  second.onload?.();
  await fixture.clock.advance(19_000);
  assert.equal(await xhr(), second, "the retry must wait for Retry-After");
  await fixture.clock.advance(10_000);
  const third = await xhr();
  assert.notEqual(third, second);
  third.status = 204;
  third.onload?.();
  assert.equal((await upload.sent).id, "file_1");
  upload.abort();
  await rejection(upload.ready);
});

test("aborting an upload aborts its XMLHttpRequest", async () => {
  const { upload, xhr } = inBrowser([]);
  const request = await xhr();
  upload.abort();
  assert.equal(((await rejection(upload.sent)) as Error).name, "AbortError");
  assert.equal(request.aborted, true);
});
