import assert from "node:assert/strict";
import { test } from "node:test";
import type { ThreadSummary } from "hearth-client";
import { Arrivals } from "../src/arrivals.ts";

interface Given {
  seq?: number;
  author?: string;
  at?: number;
  unread?: number;
  muted?: boolean;
}

function thread(id: string, { seq = 1, author = "michael", at = seq, unread = 1, muted = false }: Given = {}) {
  const when = new Date(Date.UTC(2026, 0, 1) + at * 60_000).toISOString();
  const mutedUntil = muted ? "9999-12-31T23:59:59Z" : null;
  const lastMessage = seq === 0 ? null : { seq, author: { id: author, name: author }, createdAt: when };
  return { id, unreadCount: unread, mutedUntil, updatedAt: when, lastMessage } as ThreadSummary;
}

/** Returns the threads that have new messages after each state of the list. */
function arrivals(...states: ThreadSummary[][]): string[][] {
  const found = new Arrivals("sarah");
  return states.map((threads) => found.update(threads).map(({ id }) => id));
}

test("messages of the first list are not new, and a later message is new once", () => {
  const [first, second] = [
    [thread("a"), thread("b")],
    [thread("b", { seq: 2 }), thread("a")],
  ];
  assert.deepEqual(arrivals(first, second, second), [[], ["b"], []]);
});

test("own messages and messages of muted threads do not count as new", () => {
  const states = [
    [thread("a"), thread("b")],
    [thread("a", { seq: 2, author: "sarah" }), thread("b", { seq: 2, muted: true })],
  ];
  assert.deepEqual(arrivals(...states), [[], []]);
});

test("a thread that appears is new only with an unread message that is later than the first list", () => {
  const known = thread("a", { at: 10 });
  const states = [
    [known],
    [known, thread("older", { at: 5 }), thread("read", { at: 11, unread: 0 }), thread("empty", { seq: 0 })],
    [known, thread("new", { at: 12 })],
  ];
  assert.deepEqual(arrivals(...states), [[], [], ["new"]]);
});
