import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Shell } from "../../src/worker/shell.ts";

const SCOPE = "https://chat.example/app/";
const SCRIPT = `${SCOPE}assets/index-1.js`;

/** The server's responses, by URL. Null: the server never answers. */
let server: Record<string, (() => Response) | null>;
let requested: string[];
let stored: Map<string, Map<string, Response>>;

const caches = {
  keys: async () => [...stored.keys()],
  delete: async (name: string) => stored.delete(name),
  open: async (name: string) => {
    const cache = stored.get(name) ?? new Map<string, Response>();
    stored.set(name, cache);
    return {
      match: async (url: URL) => cache.get(url.href)?.clone(),
      addAll: async (requests: Request[]) => {
        const responses = await Promise.all(
          requests.map(async (request) => [request.url, await fetch(request)] as const),
        );
        for (const [url, response] of responses) {
          if (!response.ok) throw new TypeError(`${url}: ${response.status}`);
          cache.set(url, response);
        }
      },
    };
  },
} as unknown as CacheStorage;

const realFetch = globalThis.fetch;
beforeEach(() => {
  server = { [SCOPE]: () => new Response("page"), [SCRIPT]: () => new Response("script") };
  requested = [];
  stored = new Map();
  globalThis.fetch = async (input) => {
    const { url } = input as Request;
    requested.push(url);
    const file = server[url];
    if (file === null) return new Promise(() => {});
    return file ? file() : Promise.reject(new TypeError("Failed to fetch"));
  };
});
afterEach(() => {
  globalThis.fetch = realFetch;
  mock.timers.reset();
});

function shellOf(version: string): Shell {
  return new Shell({ version, files: { "./": "sha256-a", "assets/index-1.js": "sha256-b" } }, SCOPE, caches);
}

async function installed(version = "1"): Promise<Shell> {
  const shell = shellOf(version);
  await shell.install();
  await shell.activate();
  requested = [];
  return shell;
}

async function text(shell: Shell, url: string): Promise<string | undefined> {
  return (await shell.respond(new Request(url)))?.text();
}

test("scripts come from the cache, and the page from the network or, without a network, from the cache", async () => {
  const shell = await installed();
  server = { [SCOPE]: () => new Response("newer page") };
  assert.equal(await text(shell, SCRIPT), "script");
  assert.deepEqual(requested, []);
  assert.equal(await text(shell, SCOPE), "newer page");
  server = {};
  for (const url of [SCOPE, `${SCOPE}index.html`, `${SCOPE}?from=home#/thread_1`]) {
    assert.equal(await text(shell, url), "page", url);
  }
});

test("the page comes from the cache if the server fails or hangs, but not if it answers 404", async () => {
  const shell = await installed();
  for (const [status, expected] of [
    [500, "page"],
    [503, "page"],
    [404, "answer"],
  ] as const) {
    server = { [SCOPE]: () => new Response("answer", { status }) };
    assert.equal(await text(shell, SCOPE), expected, String(status));
  }
  server = { [SCOPE]: null };
  mock.timers.enable({ apis: ["setTimeout", "AbortSignal.timeout" as never] });
  const answer = text(shell, SCOPE);
  await setImmediate();
  mock.timers.tick(3_000);
  assert.equal(await answer, "page");
});

test("other requests are left to the browser", async () => {
  const shell = await installed();
  for (const url of [
    `${SCOPE}config.json`,
    `${SCOPE}api/threads`,
    `${SCOPE}files/file_1/photo.jpg`,
    `${SCOPE}assets/index-2.js`,
    `${SCOPE}toString`,
    "https://chat.example/",
    "https://other.example/app/assets/index-1.js",
  ]) {
    assert.equal(shell.respond(new Request(url)), undefined, url);
  }
  assert.equal(shell.respond(new Request(SCOPE, { method: "POST" })), undefined);
});

test("a file that is missing makes the installation fail, and the old deployment stays", async () => {
  await installed("1");
  server = { [SCOPE]: () => new Response("page 2"), [SCRIPT]: () => new Response("", { status: 404 }) };
  await assert.rejects(shellOf("2").install());
  server = {};
  assert.equal(await text(shellOf("1"), SCOPE), "page");
});

test("files are requested with their hashes, and never from the HTTP cache alone", async () => {
  const requests: Request[] = [];
  globalThis.fetch = async (input) => {
    requests.push(input as Request);
    return new Response("file");
  };
  await shellOf("1").install();
  assert.deepEqual(
    requests.map(({ url, integrity, cache }) => [url, integrity, cache]),
    [
      [SCOPE, "sha256-a", "no-cache"],
      [SCRIPT, "sha256-b", "no-cache"],
    ],
  );
});

test("activation deletes the caches of older deployments, and no others", async () => {
  stored.set("hearth https://chat.example/ 1", new Map());
  stored.set("somebody else's", new Map());
  await installed("1");
  await installed("2");
  assert.deepEqual([...stored.keys()].sort(), [
    "hearth https://chat.example/ 1",
    `hearth ${SCOPE} 2`,
    "somebody else's",
  ]);
});

test("if the browser has deleted the cache, everything comes from the network", async () => {
  const shell = await installed();
  stored.clear();
  assert.equal(await text(shell, SCRIPT), "script");
  assert.equal(await text(shell, SCOPE), "page");
});
