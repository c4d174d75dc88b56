import assert from "node:assert/strict";
import { test } from "node:test";
import { HearthError } from "../src/index.js";
import { problem } from "./support/backend.js";
import { Bench, rejection } from "./support/bench.js";

async function refused(bench: Bench): Promise<HearthError> {
  const error = await rejection(bench.client.api.thread("thread_1"));
  assert.ok(error instanceof HearthError, String(error));
  return error;
}

test("a problem document becomes an error with all that it says", async () => {
  const errors = [{ field: "limit", message: "has to be a number" }];
  const { status, body } = problem(422, "invalid_request");
  const error = await refused(new Bench(() => ({ status, body: { ...(body as object), errors } })));
  const { kind, code, detail, requestId, retryable } = error;
  const expected = { kind: "http", code: "invalid_request", detail: "It is invalid_request.", requestId: "r-1" };
  assert.deepEqual({ kind, code, detail, requestId }, expected);
  assert.deepEqual(error.errors, errors);
  assert.equal(error.status, 422);
  assert.equal(retryable, false);
});

test("what API Gateway answers by itself has a code as well", async () => {
  for (const [status, code, retryable] of [
    [403, "forbidden", false],
    [404, "not_found", false],
    [413, "body_too_large", false],
    [429, "too_many_requests", true],
    [503, "unavailable", true],
    [418, "http_error", false],
    [408, "http_error", true],
  ] as const) {
    const headers = { "apigw-requestid": "gw-1" };
    const error = await refused(new Bench(() => ({ status, body: { message: "No." }, headers })));
    assert.deepEqual([error.code, error.detail, error.retryable, error.requestId], [code, "No.", retryable, "gw-1"]);
  }
});

test("Retry-After is seconds or a date", async () => {
  for (const [value, expected] of [
    ["7", 7_000],
    ["Thu, 01 Jan 2026 00:00:09 GMT", 9_000],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ["soon", null],
  ] as const) {
    const error = await refused(new Bench(() => ({ status: 429, headers: { "retry-after": value } })));
    assert.equal(error.retryAfter, expected, value);
  }
});

test("an answer that is not the server's is told apart", async () => {
  for (const body of ["<html>Welcome</html>", "", "[]", "null", "7"]) {
    const error = await refused(new Bench(() => ({ status: 200, body })));
    assert.deepEqual([error.kind, error.code, error.retryable], ["protocol", "unexpected_answer", true], body);
  }
  const error = await rejection(new Bench(() => ({ status: 200, body: {} })).client.api.messages("thread_1"));
  assert.ok(error instanceof HearthError && error.code === "unexpected_answer");
  assert.equal((await refused(new Bench(() => ({ status: 502, body: "<html>" })))).code, "http_error");
});

test("no answer is an error of the network", async () => {
  const error = await refused(new Bench(() => new TypeError("fetch failed")));
  assert.deepEqual([error.kind, error.code, error.status, error.retryable], ["network", "network_error", null, true]);
  assert.ok(error.cause instanceof TypeError);

  const silent = new Bench(() => undefined);
  const late = refused(silent);
  await silent.clock.advance(30_000);
  assert.equal((await late).code, "timeout");
  assert.equal(silent.clock.pending("client"), 0);
});

test("an abort rejects with its reason, and so does the end of the client", async () => {
  const bench = new Bench(() => undefined);
  const controller = new AbortController();
  const aborted = rejection(bench.client.api.thread("thread_1", { signal: controller.signal }));
  const closed = rejection(bench.client.api.thread("thread_1"));
  await bench.clock.advance(0);
  controller.abort(new RangeError("enough"));
  assert.ok((await aborted) instanceof RangeError);
  bench.client.close();
  assert.equal(((await closed) as Error).name, "AbortError");
  assert.equal(((await rejection(bench.client.api.thread("thread_1"))) as Error).name, "AbortError");
  assert.equal(bench.calls.length, 2);
});

test("a 401 is tried once more, with a renewed token", async () => {
  const bench = new Bench((_, count) => ({ status: count === 1 ? 401 : 200, body: { id: "thread_1" } }));
  assert.equal((await bench.client.api.thread("thread_1")).id, "thread_1");
  assert.deepEqual(bench.tokens, [false, true]);
  assert.deepEqual(
    bench.calls.map(({ headers }) => headers.authorization),
    ["Bearer token-1", "Bearer token-2"],
  );
  const signedOut = new Bench(() => ({ status: 401, body: { message: "Unauthorized" } }));
  assert.equal((await refused(signedOut)).code, "unauthorized");
  assert.equal(signedOut.calls.length, 2);
});

test("many 401s at once renew the token once", async () => {
  let token = "old";
  const asked: boolean[] = [];
  const provider = async ({ renew }: { renew: boolean }) => {
    asked.push(renew);
    if (renew) token = "new";
    return token;
  };
  const handler = ({ headers }: { headers: Record<string, string> }) => {
    return { status: headers.authorization === "Bearer new" ? 200 : 401, body: { id: "thread_1" } };
  };
  const bench = new Bench(handler, { token: provider });
  await Promise.all([1, 2, 3, 4, 5].map(() => bench.client.api.thread("thread_1")));
  assert.equal(asked.filter((renew) => renew).length, 1);
});

test("a token provider that fails is told apart from the server", async () => {
  const cause = new Error("signed out");
  const token = () => Promise.reject(cause);
  const error = await refused(new Bench(() => ({ status: 200 }), { token }));
  assert.deepEqual([error.kind, error.code, error.cause], ["token", "token_error", cause]);
});

test("paths keep the base URL's own path, and ids cannot leave theirs", async () => {
  const bench = new Bench(() => ({ status: 200, body: { messages: [], nextCursor: null } }));
  await bench.client.api.messages("../x?y#z", { after: 0, limit: 5 });
  assert.equal(bench.calls[0]?.path, "/base/api/threads/..%2Fx%3Fy%23z/messages?after=0&limit=5");
  assert.equal(bench.client.api.resolve("/files/f/a%20b?sig=1"), "https://hearth.test/base/files/f/a%20b?sig=1");
  assert.equal(bench.client.api.resolve("https://cdn.test/x"), "https://cdn.test/x");
});

test("URLs of attachments are absolute wherever they come from", async () => {
  const attachment = { id: "file_1", name: "a", url: "/files/file_1/a", thumbUrl: "/thumbs/file_1.jpg" };
  const message = { id: "msg_1", seq: 1, attachments: [attachment] };
  const bench = new Bench(({ path, method }) => {
    if (path.endsWith("/status"))
      return { status: 200, body: { id: "file_1", thumbUrl: "/thumbs/1", url: "/files/1" } };
    if (path.endsWith("/threads"))
      return { status: 200, body: { threads: [{ lastMessage: message }, { lastMessage: null }] } };
    return { status: 200, body: method === "POST" ? message : { messages: [message] } };
  });
  const { api } = bench.client;
  const base = "https://hearth.test/base";
  const expected = { ...attachment, url: `${base}/files/file_1/a`, thumbUrl: `${base}/thumbs/file_1.jpg` };
  assert.deepEqual((await api.messages("t")).messages[0]?.attachments[0], expected);
  assert.deepEqual((await api.send("t", { body: "x" })).message.attachments[0], expected);
  const { threads } = await api.threads();
  assert.deepEqual(threads[0]?.lastMessage?.attachments[0], expected);
  assert.equal(threads[1]?.lastMessage, null);
  const status = await api.fileStatus("file_1");
  assert.deepEqual([status.url, status.thumbUrl], [`${base}/files/1`, `${base}/thumbs/1`]);
});

test("creating says whether the thread is new, sending whether it was a replay", async () => {
  const bench = new Bench((_, count) => {
    return { status: count === 1 ? 201 : 200, body: { attachments: [] }, headers: { "idempotency-replayed": "true" } };
  });
  assert.equal((await bench.client.api.createThread(["a"])).created, true);
  assert.deepEqual(bench.calls[0]?.body, { memberIds: ["a"] });
  assert.equal((await bench.client.api.createThread(["a"], "Us")).created, false);
  assert.deepEqual(bench.calls[1]?.body, { memberIds: ["a"], title: "Us" });
  assert.equal((await bench.client.api.send("t", { body: "x" }, { idempotencyKey: "k" })).replayed, true);
  assert.equal(bench.calls[2]?.headers["idempotency-key"], "k");
});

test("following needs a WebSocket, and says so", () => {
  const bench = new Bench(() => undefined);
  assert.throws(() => bench.client.openThread("thread_1"), /environment\.WebSocket/);
  bench.client.close();
});

test("a token provider that never answers holds up nothing for good", async () => {
  const provider = { hangs: true };
  const token = () => (provider.hangs ? new Promise<string>(() => {}) : "token");
  const bench = new Bench(() => ({ status: 200, body: { id: "thread_1" } }), { token });
  const late = refused(bench);
  await bench.clock.advance(30_000);
  const { kind, code, retryable } = await late;
  assert.deepEqual([kind, code, retryable], ["token", "token_error", true]);
  assert.equal(bench.clock.pending("client"), 0);
  const closed = rejection(bench.client.api.thread("thread_1"));
  provider.hangs = false;
  assert.equal((await bench.client.api.thread("thread_1")).id, "thread_1");
  bench.client.close();
  assert.equal(((await closed) as Error).name, "AbortError");
  assert.equal(bench.clock.pending("client"), 0);
});

test("a renewal that never ends is given up, and the next one may succeed", async () => {
  let asked = 0;
  const token = ({ renew }: { renew: boolean }) => {
    if (!renew) return "old";
    asked += 1;
    return asked === 1 ? new Promise<string>(() => {}) : "new";
  };
  const bench = new Bench(
    ({ headers }) => ({ status: headers.authorization === "Bearer new" ? 200 : 401, body: { id: "thread_1" } }),
    { token },
  );
  const late = refused(bench);
  await bench.clock.advance(30_000);
  assert.equal((await late).code, "token_error");
  assert.equal((await bench.client.api.thread("thread_1")).id, "thread_1");
});

test("a URL that is not of the web is left out, and refused where it is asked for", async () => {
  const bad = "javascript:alert(1)";
  const attachment = { id: "file_1", url: bad, thumbUrl: "data:text/html,x" };
  const bench = new Bench(({ path }) => {
    if (path.endsWith("/status")) return { status: 200, body: { id: "file_1", thumbUrl: bad, url: bad } };
    return { status: 200, body: { messages: [{ id: "msg_1", seq: 1, attachments: [attachment] }], nextCursor: null } };
  });
  const { api } = bench.client;
  assert.deepEqual((await api.messages("t")).messages[0]?.attachments, [{ id: "file_1", url: "" }]);
  assert.deepEqual(await api.fileStatus("file_1"), { id: "file_1", thumbUrl: null });
  for (const url of [bad, "JavaScript:x", "data:,x", "blob:https://x", "file:///x", "https:x"]) {
    assert.throws(() => api.resolve(url), HearthError, url);
  }
  for (const path of [" javascript:x", "//evil.test/x", "java\tscript:x"]) {
    assert.ok(api.resolve(path).startsWith("https://hearth.test/base/"), path);
  }
  assert.equal(api.resolve("HTTP://127.0.0.1:8080/x"), "HTTP://127.0.0.1:8080/x");
});
