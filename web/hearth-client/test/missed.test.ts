import assert from "node:assert/strict";
import { test } from "node:test";
import type { SocketLike } from "../src/index.js";
import { problem } from "./support/backend.js";
import { Bench } from "./support/bench.js";

abstract class Socket implements SocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  send(_text: string): void {}
  close(): void {}
}

/** What a page's policy makes of a socket. */
class Forbidden extends Socket {
  constructor() {
    super();
    throw new DOMException("The operation is insecure.", "SecurityError");
  }
}

/** A network that refuses each socket. */
class Refused extends Socket {
  constructor() {
    super();
    queueMicrotask(() => this.onclose?.({ code: 1006 } as never));
  }
}

/** A server that says that each thread has one message. */
class Acknowledging extends Socket {
  constructor() {
    super();
    queueMicrotask(() => this.onopen?.({} as never));
  }

  override send(text: string): void {
    const { action, channel, id } = JSON.parse(text) as { action: string; channel: string; id: number };
    if (action !== "subscribe") return;
    const frame = JSON.stringify({ event: "subscribed", data: { channel, seq: 1 }, id });
    queueMicrotask(() => this.onmessage?.({ data: frame } as never));
  }
}

const message = (threadId: string, seq: number) => {
  return { id: `${threadId}-${seq}`, threadId, seq, body: `${seq}`, attachments: [], createdAt: "2026-01-02" };
};

for (const WebSocket of [Forbidden, Refused]) {
  test(`without a socket (${WebSocket.name}), one look fetches all pages, whatever fails on the way`, async () => {
    let tickets = 0;
    const pages: number[] = [];
    const bench = new Bench(
      ({ path }) => {
        const query = new URL(path, "https://hearth.test").searchParams;
        // One try to connect, and so one reason to look; the next one waits for its ticket.
        if (path.endsWith("/ws-tickets")) return ++tickets === 1 ? { status: 200, body: { ticket: "t" } } : undefined;
        const after = Number(query.get("after"));
        pages.push(after);
        if (pages.length % 2 === 1) return { status: 503 };
        const count = Math.min(Number(query.get("limit")), 250 - after);
        const messages = Array.from({ length: count }, (_, index) => message("thread_1", after + index + 1));
        return { status: 200, body: { messages, nextCursor: after + count < 250 ? "more" : null } };
      },
      { environment: { WebSocket } },
    );
    const heard: number[] = [];
    bench.client.follow("thread_1", { onMessage: ({ seq }) => heard.push(seq) }, 0);
    await bench.clock.advance(20_000);
    assert.deepEqual(
      heard,
      Array.from({ length: 250 }, (_, index) => index + 1),
    );
    assert.deepEqual(pages, [0, 0, 100, 100, 200, 200]);
    const { status, error } = bench.client.connection.getSnapshot();
    assert.deepEqual([status, error?.kind], ["connecting", "network"]);
    assert.deepEqual(bench.errors, []);
    bench.client.close();
    await bench.clock.advance(0);
    assert.equal(bench.clock.pending("client"), 0);
  });
}

const thread = (id: string) => ({
  id,
  title: null,
  memberIds: ["a"],
  createdAt: "2026-01-01",
  updatedAt: "2026-01-01",
});
const row = (id: string) => ({ ...thread(id), memberNames: ["Ann"], lastMessage: null });

test("a thread that cannot be asked for holds up none that the list asks for after it", async () => {
  const bench = new Bench(
    ({ path }) => {
      if (path.endsWith("/ws-tickets")) return { status: 200, body: { ticket: "t" } };
      if (path.endsWith("/threads")) {
        return { status: 200, body: { threads: ["thread_1", "thread_2", "thread_3"].map(row), nextCursor: null } };
      }
      const id = /thread_\d/.exec(path)?.[0] ?? "";
      if (id === "thread_1") return problem(404, "thread_not_found");
      return { status: 200, body: { messages: [message(id, 1)], nextCursor: null } };
    },
    { environment: { WebSocket: Acknowledging } },
  );
  const list = bench.client.openThreadList();
  await bench.clock.advance(1_000);
  const newest = Object.fromEntries(list.getSnapshot().threads.map(({ id, lastMessage }) => [id, lastMessage?.seq]));
  assert.deepEqual(newest, { thread_1: undefined, thread_2: 1, thread_3: 1 });
  assert.deepEqual(
    bench.errors.map((error) => (error as { code?: unknown }).code),
    ["thread_not_found"],
  );
  bench.client.close();
});

test("a thread that is created while the list is being asked for has its names right after", async () => {
  let listed: object[] = [];
  const bench = new Bench(({ method }) => {
    if (method === "POST") {
      listed = [row("thread_9")];
      return { status: 201, body: thread("thread_9") };
    }
    return { status: 200, body: { threads: listed, nextCursor: null }, delay: 500 };
  });
  const list = bench.client.openThreadList();
  await bench.clock.advance(1_000);
  const refreshing = list.refresh();
  await bench.clock.advance(100);
  await bench.client.api.createThread(["b"]);
  const names = () => list.getSnapshot().threads[0]?.memberNames;
  assert.deepEqual(names(), ["a"]);
  await bench.clock.advance(400);
  await refreshing;
  assert.deepEqual(names(), ["a"], "it was asked before the thread was there");
  await bench.clock.advance(500);
  assert.deepEqual(names(), ["Ann"]);
  const requests = bench.calls.length;
  await bench.clock.advance(60_000);
  assert.equal(bench.calls.length, requests, "once more, and no more");
  bench.client.close();
});
