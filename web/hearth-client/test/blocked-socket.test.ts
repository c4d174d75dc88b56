import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientFixture } from "./support/client-fixture.js";
import { StubSocket } from "./support/stub-socket.js";

/** A WebSocket that throws, as in browsers if the page's content security policy forbids the connection. */
class Forbidden extends StubSocket {
  constructor() {
    super();
    throw new DOMException("The operation is insecure.", "SecurityError");
  }
}

/** A WebSocket that closes immediately, as if the network blocked WebSockets. */
class Refused extends StubSocket {
  constructor() {
    super();
    queueMicrotask(() => this.onclose?.({ code: 1006 } as never));
  }
}

const message = (seq: number) => {
  return {
    id: `msg_${seq}`,
    threadId: "thread_1",
    seq,
    body: `${seq}`,
    author: { id: "a", name: "Ann" },
    attachments: [],
    createdAt: "2026-01-02",
  };
};

for (const WebSocket of [Forbidden, Refused]) {
  test(`without a socket (${WebSocket.name}), one connection attempt fetches all pages in spite of errors`, async () => {
    let tickets = 0;
    const pages: number[] = [];
    const fixture = new ClientFixture(
      ({ path }) => {
        const query = new URL(path, "https://hearth.test").searchParams;
        // Only the first connection attempt gets a ticket, so only one blocked socket makes the client fetch messages.
        if (path.endsWith("/ws-tickets")) return ++tickets === 1 ? { status: 200, body: { ticket: "t" } } : undefined;
        const after = Number(query.get("after"));
        pages.push(after);
        if (pages.length % 2 === 1) return { status: 503 };
        const count = Math.min(Number(query.get("limit")), 250 - after);
        const messages = Array.from({ length: count }, (_, index) => message(after + index + 1));
        return { status: 200, body: { messages, nextCursor: after + count < 250 ? "more" : null } };
      },
      { environment: { WebSocket } },
    );
    const delivered: number[] = [];
    fixture.client.follow("thread_1", { onMessage: ({ seq }) => delivered.push(seq) }, 0);
    await fixture.clock.advance(20_000);
    assert.deepEqual(
      delivered,
      Array.from({ length: 250 }, (_, index) => index + 1),
    );
    assert.deepEqual(pages, [0, 0, 100, 100, 200, 200]);
    const { status, error } = fixture.client.connection.getSnapshot();
    assert.deepEqual([status, error?.kind], ["connecting", "network"]);
    assert.deepEqual(fixture.errors, []);
    fixture.client.close();
    await fixture.clock.advance(0);
    assert.equal(fixture.clock.pending("client"), 0);
  });
}
