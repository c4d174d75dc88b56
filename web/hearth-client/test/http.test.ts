import assert from "node:assert/strict";
import { test } from "node:test";
import { HearthError } from "../src/index.js";
import { ClientFixture, rejection } from "./support/client-fixture.js";
import { deviceFixture } from "./support/device-fixture.js";
import { problem } from "./support/replies.js";

const MINUTE = 60_000;

async function refused(fixture: ClientFixture): Promise<HearthError> {
  const error = await rejection(fixture.client.api.thread("thread_1"));
  assert.ok(error instanceof HearthError, String(error));
  return error;
}

test("a problem document becomes an error with the same fields", async () => {
  const errors = [{ field: "limit", message: "has to be a number" }];
  const { status, body } = problem(422, "invalid_request");
  const error = await refused(new ClientFixture(() => ({ status, body: { ...(body as object), errors } })));
  const { kind, code, detail, requestId, retryable } = error;
  const expected = { kind: "http", code: "invalid_request", detail: "The code is invalid_request.", requestId: "r-1" };
  assert.deepEqual({ kind, code, detail, requestId }, expected);
  assert.deepEqual(error.errors, errors);
  assert.equal(error.status, 422);
  assert.equal(retryable, false);
});

test("API Gateway's own error responses get a code by their status", async () => {
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
    const error = await refused(new ClientFixture(() => ({ status, body: { message: "No." }, headers })));
    assert.deepEqual([error.code, error.detail, error.retryable, error.requestId], [code, "No.", retryable, "gw-1"]);
  }
});

test("retryAfter is parsed from seconds or a date", async () => {
  for (const [value, expected] of [
    ["7", 7_000],
    ["Thu, 01 Jan 2026 00:00:09 GMT", 9_000],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ["soon", null],
  ] as const) {
    const error = await refused(new ClientFixture(() => ({ status: 429, headers: { "retry-after": value } })));
    assert.equal(error.retryAfter, expected, value);
  }
});

test("a response that is not JSON of the API is a protocol error", async () => {
  for (const body of ["<html>Welcome</html>", "", "[]", "null", "7"]) {
    const error = await refused(new ClientFixture(() => ({ status: 200, body })));
    assert.deepEqual([error.kind, error.code, error.retryable], ["protocol", "unexpected_answer", true], body);
  }
  const error = await rejection(new ClientFixture(() => ({ status: 200, body: {} })).client.api.messages("thread_1"));
  assert.ok(error instanceof HearthError && error.code === "unexpected_answer");
  assert.equal((await refused(new ClientFixture(() => ({ status: 502, body: "<html>" })))).code, "http_error");
});

test("a failed or timed-out request is a network error", async () => {
  const error = await refused(new ClientFixture(() => new TypeError("fetch failed")));
  assert.deepEqual([error.kind, error.code, error.status, error.retryable], ["network", "network_error", null, true]);
  assert.ok(error.cause instanceof TypeError);

  const silent = new ClientFixture(() => undefined);
  const late = refused(silent);
  await silent.clock.advance(30_000);
  assert.equal((await late).code, "timeout");
  assert.equal(silent.clock.pending("client"), 0);
});

test("an aborted call rejects with the reason, and so do all calls of a closed client", async () => {
  const fixture = new ClientFixture(() => undefined);
  const controller = new AbortController();
  const aborted = rejection(fixture.client.api.thread("thread_1", { signal: controller.signal }));
  const closed = rejection(fixture.client.api.thread("thread_1"));
  await fixture.clock.advance(0);
  controller.abort(new RangeError("enough"));
  assert.ok((await aborted) instanceof RangeError);
  fixture.client.close();
  assert.equal(((await closed) as Error).name, "AbortError");
  assert.equal(((await rejection(fixture.client.api.thread("thread_1"))) as Error).name, "AbortError");
  assert.equal(fixture.calls.length, 2);
});

test("a request is repeated once after a 401, with a renewed token", async () => {
  const fixture = new ClientFixture((_, count) => ({ status: count === 1 ? 401 : 200, body: { id: "thread_1" } }));
  assert.equal((await fixture.client.api.thread("thread_1")).id, "thread_1");
  assert.deepEqual(fixture.tokens, [false, true]);
  assert.deepEqual(
    fixture.calls.map(({ headers }) => headers.authorization),
    ["Bearer token-1", "Bearer token-2"],
  );
  const signedOut = new ClientFixture(() => ({ status: 401, body: { message: "Unauthorized" } }));
  assert.equal((await refused(signedOut)).code, "unauthorized");
  assert.equal(signedOut.calls.length, 2);
});

test("concurrent 401s renew the token only once", async () => {
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
  const fixture = new ClientFixture(handler, { token: provider });
  await Promise.all([1, 2, 3, 4, 5].map(() => fixture.client.api.thread("thread_1")));
  assert.equal(asked.filter((renew) => renew).length, 1);
});

test("a failure of the token provider is a token error", async () => {
  const cause = new Error("signed out");
  const token = () => Promise.reject(cause);
  const error = await refused(new ClientFixture(() => ({ status: 200 }), { token }));
  assert.deepEqual([error.kind, error.code, error.cause], ["token", "token_error", cause]);
});

test("paths are relative to the base URL's path, and IDs are escaped", async () => {
  const fixture = new ClientFixture(() => ({ status: 200, body: { messages: [], nextCursor: null } }));
  await fixture.client.api.messages("../x?y#z", { after: 0, limit: 5 });
  assert.equal(fixture.calls[0]?.path, "/base/api/threads/..%2Fx%3Fy%23z/messages?after=0&limit=5");
  assert.equal(fixture.client.api.resolve("/files/f/a%20b?sig=1"), "https://hearth.test/base/files/f/a%20b?sig=1");
  assert.equal(fixture.client.api.resolve("https://cdn.test/x"), "https://cdn.test/x");
});

test("URLs of files are absolute in all responses", async () => {
  const attachment = { id: "file_1", name: "a", url: "/files/file_1/a", thumbUrl: "/thumbs/file_1.jpg" };
  const message = { id: "msg_1", seq: 1, body: "", author: { id: "a", name: "Ann" }, attachments: [attachment] };
  const fixture = new ClientFixture(({ path, method }) => {
    if (path.endsWith("/status"))
      return { status: 200, body: { id: "file_1", thumbUrl: "/thumbs/1", url: "/files/1" } };
    return { status: 200, body: method === "POST" ? message : { messages: [message] } };
  });
  const { api } = fixture.client;
  const base = "https://hearth.test/base";
  const expected = { ...attachment, url: `${base}/files/file_1/a`, thumbUrl: `${base}/thumbs/file_1.jpg` };
  assert.deepEqual((await api.messages("t")).messages[0]?.attachments[0], expected);
  assert.deepEqual((await api.send("t", { body: "x" })).message.attachments[0], expected);
  const status = await api.fileStatus("file_1");
  assert.deepEqual([status.url, status.thumbUrl], [`${base}/files/1`, `${base}/thumbs/1`]);
});

test("createThread returns whether the thread is new, and send whether it was a replay", async () => {
  const fixture = new ClientFixture((_, count) => {
    return {
      status: count === 1 ? 201 : 200,
      body: { author: { id: "a" }, attachments: [] },
      headers: { "idempotency-replayed": "true" },
    };
  });
  assert.equal((await fixture.client.api.createThread(["a"])).created, true);
  assert.deepEqual(fixture.calls[0]?.body, { memberIds: ["a"] });
  assert.equal((await fixture.client.api.createThread(["a"], "Us")).created, false);
  assert.deepEqual(fixture.calls[1]?.body, { memberIds: ["a"], title: "Us" });
  assert.equal((await fixture.client.api.send("t", { body: "x" }, { idempotencyKey: "k" })).replayed, true);
  assert.equal(fixture.calls[2]?.headers["idempotency-key"], "k");
});

test("createThread is not repeated after a 429, and reports when to try again", async () => {
  const { status, body } = problem(429, "quota_exceeded");
  const fixture = new ClientFixture(() => ({ status, body, headers: { "retry-after": "7200" } }));
  const error = await rejection(fixture.client.api.createThread(["a"]));
  assert.ok(error instanceof HearthError);
  assert.deepEqual([error.code, error.retryAfter, fixture.calls.length], ["quota_exceeded", 7_200_000, 1]);
});

test("an error keeps a code that this version of the library does not know", async () => {
  const { status, body } = problem(409, "something_new");
  const error = await refused(new ClientFixture(() => ({ status, body })));
  assert.deepEqual([error.code, error.retryable], ["something_new", false]);
});

test("opening a thread without a WebSocket throws an error that names the option", () => {
  const fixture = new ClientFixture(() => undefined);
  assert.throws(() => fixture.client.openThread("thread_1"), /environment\.WebSocket/);
  fixture.client.close();
});

test("a request fails after 30 seconds if the token provider does not answer, and the next one works", async () => {
  const provider = { hangs: true };
  const token = () => (provider.hangs ? new Promise<string>(() => {}) : "token");
  const fixture = new ClientFixture(() => ({ status: 200, body: { id: "thread_1" } }), { token });
  const late = refused(fixture);
  await fixture.clock.advance(30_000);
  const { kind, code, retryable } = await late;
  assert.deepEqual([kind, code, retryable], ["token", "token_error", true]);
  assert.equal(fixture.clock.pending("client"), 0);
  const closed = rejection(fixture.client.api.thread("thread_1"));
  provider.hangs = false;
  assert.equal((await fixture.client.api.thread("thread_1")).id, "thread_1");
  fixture.client.close();
  assert.equal(((await closed) as Error).name, "AbortError");
  assert.equal(fixture.clock.pending("client"), 0);
});

test("a token renewal fails after 30 seconds without an answer, and the next one works", async () => {
  let asked = 0;
  const token = ({ renew }: { renew: boolean }) => {
    if (!renew) return "old";
    asked += 1;
    return asked === 1 ? new Promise<string>(() => {}) : "new";
  };
  const fixture = new ClientFixture(
    ({ headers }) => ({ status: headers.authorization === "Bearer new" ? 200 : 401, body: { id: "thread_1" } }),
    { token },
  );
  const late = refused(fixture);
  await fixture.clock.advance(30_000);
  assert.equal((await late).code, "token_error");
  assert.equal((await fixture.client.api.thread("thread_1")).id, "thread_1");
});

test("a URL that is not http or https is omitted from results, and resolve throws for it", async () => {
  const bad = "javascript:alert(1)";
  const attachment = { id: "file_1", url: bad, thumbUrl: "data:text/html,x" };
  const fixture = new ClientFixture(({ path }) => {
    if (path.endsWith("/status")) return { status: 200, body: { id: "file_1", thumbUrl: bad, url: bad } };
    return {
      status: 200,
      body: {
        messages: [{ id: "msg_1", seq: 1, body: "", author: { id: "a" }, attachments: [attachment] }],
        nextCursor: null,
      },
    };
  });
  const { api } = fixture.client;
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

test("a hidden 401 for an expired token renews the token, and the request is repeated once", async () => {
  const { clock, server, device, commit } = deviceFixture({ expiryHidden: 1 }, 10 * MINUTE, { stale: true });
  commit("hello");
  const { api } = device.client;
  const list = async () => {
    const threads = api.threads();
    await clock.advance(1_000);
    return (await threads).threads.length;
  };
  assert.equal(await list(), 2);
  await clock.advance(20 * MINUTE);
  assert.equal(await list(), 2, "the token has expired");
  const before = server.requests.length;
  assert.equal(await list(), 2);
  assert.equal(server.requests.length - before, 1, "the renewed token must be kept");
  device.client.close();
});

test("a network error renews a token only if it expires within a minute, and never repeats a message without a key", async () => {
  const second = 1_000;
  for (const [expiresIn, renewals, calls] of [
    [-10 * second, 1, 2],
    [59 * second, 1, 2],
    [61 * second, 0, 1],
  ] as const) {
    const asked: boolean[] = [];
    const fixture: ClientFixture = new ClientFixture(() => new TypeError("fetch failed"), {
      token: ({ renew }) => {
        asked.push(renew);
        return jwt(fixture.clock.now() + expiresIn);
      },
    });
    assert.equal((await refused(fixture)).code, "network_error");
    assert.deepEqual([asked.filter(Boolean).length, fixture.calls.length], [renewals, calls], `${expiresIn} ms`);
    const once = await rejection(fixture.client.api.send("thread_1", { body: "hello" }));
    assert.ok(once instanceof HearthError && once.code === "network_error");
    assert.equal(fixture.calls.length, calls + 1);
    await rejection(fixture.client.api.send("thread_1", { body: "hello" }, { idempotencyKey: "k" }));
    assert.equal(fixture.calls.length, calls + 1 + calls);
    fixture.client.close();
  }
});

test("without a network, a failed renewal of an expired token is reported as a network error", async () => {
  const cause = new TypeError("fetch failed");
  const fixture: ClientFixture = new ClientFixture(() => new TypeError("fetch failed"), {
    token: ({ renew }) => (renew ? Promise.reject(cause) : jwt(fixture.clock.now() - 1)),
  });
  const error = await refused(fixture);
  assert.deepEqual([error.kind, error.code, (error.cause as HearthError).cause], ["network", "network_error", cause]);
  fixture.client.close();
});

test("a timeout and an error response do not renew a token that has expired", async () => {
  for (const answer of [undefined, { status: 503 }, { status: 403 }]) {
    const asked: boolean[] = [];
    const fixture: ClientFixture = new ClientFixture(() => answer, {
      token: ({ renew }) => {
        asked.push(renew);
        return jwt(fixture.clock.now() - 1);
      },
    });
    const error = refused(fixture);
    await fixture.clock.advance(30_000);
    await error;
    assert.deepEqual([asked, fixture.calls.length], [[false], 1]);
  }
});

/** Returns a token that expires at `time`, in milliseconds since 1970. */
function jwt(time: number): string {
  return `x.${btoa(JSON.stringify({ sub: "sarah", exp: time / 1_000 }))}.y`;
}
