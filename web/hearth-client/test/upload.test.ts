import assert from "node:assert/strict";
import { test } from "node:test";
import type { HearthError, UploadProgress } from "../src/index.js";
import { Bench, type Handler, rejection } from "./support/bench.js";

const FILE = new Blob(["12345678"], { type: "image/png" });

/** A server on which the file has these statuses, one after the other; `put` answers to the bytes. */
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
    const more = status === "failed" ? { reason: "It is no picture." } : {};
    return { status: 200, body: { id: "file_1", name: "a.png", status, thumbUrl: null, ...more } };
  };
}

test("an upload is sent, and then ready", async () => {
  const bench = new Bench(server(["pending", "pending", "ready"]));
  const told: UploadProgress[] = [];
  const upload = bench.client.upload(FILE, { name: "a.png", onProgress: (progress) => told.push(progress) });
  assert.equal((await upload.sent).id, "file_1");
  await bench.clock.advance(20_000);
  assert.equal((await upload.ready).status, "ready");
  assert.deepEqual(bench.calls[0]?.body, { filename: "a.png", mimetype: "image/png", size: 8 });
  assert.deepEqual(bench.calls[1]?.headers, { "content-type": "image/png" }, "no token goes to the storage");
  assert.deepEqual(
    told.map(({ phase, loaded, total }) => [phase, loaded, total]),
    [
      ["uploading", 0, 8],
      ["uploading", 8, 8],
      ["processing", 8, 8],
    ],
  );
  await bench.clock.advance(60_000);
  assert.equal(bench.clock.pending("client"), 0);
});

test("a file that the server cannot use is failed, with its reason", async () => {
  const bench = new Bench(server(["failed"]));
  const upload = bench.client.upload(FILE);
  const failure = rejection(upload.ready);
  await bench.clock.advance(5_000);
  const error = (await failure) as HearthError;
  assert.deepEqual([error.kind, error.code, error.detail], ["file", "file_failed", "It is no picture."]);
  assert.equal((await upload.sent).id, "file_1");
});

test("a refusal of the storage is an error that says what it said, and is not tried again", async () => {
  const text = "<Error><Code>SignatureDoesNotMatch</Code><Message>No.</Message><RequestId>s3-1</RequestId></Error>";
  const bench = new Bench(server([], () => ({ status: 403, body: text })));
  const error = (await rejection(bench.client.upload(FILE).sent)) as HearthError;
  assert.deepEqual(
    [error.code, error.detail, error.requestId],
    ["upload_refused", "SignatureDoesNotMatch: No.", "s3-1"],
  );
  assert.equal(bench.calls.length, 2);
});

test("a storage that is away is tried again, and not for ever", async () => {
  const passing = new Bench(server(["ready"], (_, count) => (count < 4 ? { status: 503 } : { status: 200, body: "" })));
  const upload = passing.client.upload(FILE);
  await passing.clock.advance(30_000);
  assert.equal((await upload.ready).status, "ready");

  const gone = new Bench(server([], () => new TypeError("fetch failed")));
  const failure = rejection(gone.client.upload(FILE).ready);
  await gone.clock.advance(120_000);
  assert.equal(((await failure) as HearthError).kind, "network");
  assert.equal(gone.calls.length, 6);
});

test("an abort ends it wherever it is", async () => {
  for (const advance of [0, 100]) {
    for (const put of [() => undefined, () => ({ status: 200, body: "" })] satisfies Handler[]) {
      const bench = new Bench(server(["pending"], put));
      const upload = bench.client.upload(FILE);
      const failure = rejection(upload.ready);
      await bench.clock.advance(advance);
      upload.abort();
      assert.equal(((await failure) as Error).name, "AbortError");
      await bench.clock.advance(60_000);
      assert.equal(bench.clock.pending("client"), 0);
    }
  }
  const controller = new AbortController();
  controller.abort(new RangeError("before"));
  const bench = new Bench(server([]));
  assert.ok((await rejection(bench.client.upload(FILE, { signal: controller.signal }).sent)) instanceof RangeError);
  assert.equal(bench.calls.length, 0);
});

/** The part of XMLHttpRequest that is used, driven by a test. */
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
  const bench = new Bench(server(statuses), {
    environment: { XMLHttpRequest: FakeXhr as unknown as new () => XMLHttpRequest },
  });
  const told: number[] = [];
  const upload = bench.client.upload(FILE, { onProgress: ({ loaded }) => told.push(loaded) });
  const xhr = async () => {
    await bench.clock.advance(0);
    assert.ok(FakeXhr.last !== null);
    return FakeXhr.last as FakeXhr;
  };
  return { bench, upload, told, xhr };
}

test("in a browser, progress is told as it is made", async () => {
  const { bench, upload, told, xhr } = inBrowser(["ready"]);
  const request = await xhr();
  request.upload.onprogress?.({ loaded: 3 });
  // Some browsers count what goes around the bytes as well.
  request.upload.onprogress?.({ loaded: 9 });
  request.status = 200;
  request.onload?.();
  await upload.sent;
  assert.deepEqual(request.headers, { "content-type": "image/png" });
  await bench.clock.advance(10_000);
  await upload.ready;
  assert.deepEqual(told, [0, 3, 8, 8, 8]);
});

test("an upload that stalls is begun again", async () => {
  const { bench, upload, xhr } = inBrowser(["ready"]);
  const first = await xhr();
  await bench.clock.advance(59_000);
  first.upload.onprogress?.({ loaded: 1 });
  await bench.clock.advance(59_000);
  assert.equal(first.aborted, false);
  await bench.clock.advance(10_000);
  assert.equal(first.aborted, true);
  const second = await xhr();
  assert.notEqual(second, first);
  second.status = 503;
  second.allHeaders = "content-type: application/xml\r\nRetry-After: 20\r\n";
  second.onload?.();
  await bench.clock.advance(19_000);
  assert.equal(await xhr(), second, "it waits as long as it was asked to");
  await bench.clock.advance(10_000);
  const third = await xhr();
  assert.notEqual(third, second);
  third.status = 204;
  third.onload?.();
  assert.equal((await upload.sent).id, "file_1");
  upload.abort();
  await rejection(upload.ready);
});

test("an abort reaches the request", async () => {
  const { upload, xhr } = inBrowser([]);
  const request = await xhr();
  upload.abort();
  assert.equal(((await rejection(upload.sent)) as Error).name, "AbortError");
  assert.equal(request.aborted, true);
});
