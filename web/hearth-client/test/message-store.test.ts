import assert from "node:assert/strict";
import { test } from "node:test";
import type { Attachment, FileStatus, Message } from "../src/index.js";
import { MessageStore } from "../src/message-store.js";

const AUTHOR = { id: "ann", name: "Ann" };

function message(seq: number, rev = 0, more: Partial<Message> = {}): Message {
  const ids = { id: `msg_${seq}`, threadId: "thread_1", seq, rev };
  const empty = { attachments: [], reactions: [] };
  return { ...ids, body: `message ${seq}, revision ${rev}`, author: AUTHOR, createdAt: "2026", ...empty, ...more };
}

function file(status: FileStatus): Attachment {
  return { id: "file_1", name: "a.png", url: "/files/file_1", mimetype: "image/png", size: 1, status };
}

function replyTo(seq: number, excerpt: string): Partial<Message> {
  return { replyTo: { seq, author: AUTHOR, excerpt, deleted: false } };
}

/** Returns all orders of the elements. */
function permutations<T>(list: readonly T[]): T[][] {
  if (list.length === 0) return [[]];
  return list.flatMap((first, index) => {
    const others = list.filter((_, other) => other !== index);
    return permutations(others).map((rest) => [first, ...rest]);
  });
}

test("the copy with the larger rev wins in every order of arrival, before and after the message enters", () => {
  for (const revs of permutations([0, 3, 5, 5])) {
    for (let entersAt = 0; entersAt < revs.length; entersAt += 1) {
      const store = new MessageStore();
      for (const [index, rev] of revs.entries()) {
        if (index === entersAt) store.append(message(1, rev));
        else store.take(message(1, rev));
      }
      assert.deepEqual(store.messages, [message(1, 5)], `${revs}, enters at ${entersAt}`);
    }
  }
});

test("a change does not bring its message into the list", () => {
  const store = new MessageStore();
  store.prepend([message(5)]);
  store.take(message(6, 1));
  store.take(message(4, 2));
  assert.deepEqual(store.messages, [message(5)]);
  store.append(message(6));
  store.prepend([message(3), message(4)]);
  assert.deepEqual(store.messages, [message(3), message(4, 2), message(5), message(6, 1)]);
});

test("a tombstone keeps nothing of the earlier copy", () => {
  const store = new MessageStore();
  store.append(message(1, 1, { editedAt: "2026", attachments: [file("ready")], ...replyTo(1, "old") }));
  const tombstone = message(1, 2, { body: "", deletedAt: "2026" });
  store.take(tombstone);
  assert.deepEqual(store.messages, [tombstone]);
});

test("a file that is ready or failed does not return to pending, whatever the revisions", () => {
  for (const outcome of ["ready", "failed"] as const) {
    for (const [rev, other] of [
      [1, 1],
      [1, 2],
      [2, 1],
    ] as const) {
      for (const [first, second] of [
        [outcome, "pending"],
        ["pending", outcome],
      ] as const) {
        const store = new MessageStore();
        store.append(message(1, rev, { attachments: [file(first)] }));
        store.take(message(1, other, { attachments: [file(second)] }));
        const [held] = store.messages;
        assert.deepEqual([held?.rev, held?.attachments], [Math.max(rev, other), [file(outcome)]]);
      }
    }
  }
});

test("a change updates all quotes of its message, and not their revisions", () => {
  const store = new MessageStore();
  store.prepend([message(1), message(2, 0, replyTo(1, "old")), message(3)]);
  const [, , unrelated] = store.messages;
  store.take(message(4, 1, replyTo(1, "old")));
  store.take(message(1, 2, { body: "👪".repeat(150) }));
  const excerpt = "👪".repeat(100);
  assert.deepEqual(store.messages[1], message(2, 0, replyTo(1, excerpt)));
  assert.equal(store.messages[2], unrelated, "a message without the quote must be the same object");
  assert.deepEqual(store.append(message(4, 0, replyTo(1, "old"))), message(4, 1, replyTo(1, excerpt)));
  store.take(message(1, 3, { body: "", deletedAt: "2026" }));
  assert.deepEqual(
    [1, 3].map((index) => store.messages[index]?.replyTo),
    Array(2).fill({ seq: 1, author: AUTHOR, excerpt: "", deleted: true }),
  );
  assert.deepEqual(
    store.append(message(5, 0, replyTo(1, "old"))).replyTo?.excerpt,
    "",
    "a late push has the old quote",
  );
});

test("a quote of a message that is not loaded follows its changes", () => {
  const store = new MessageStore();
  store.prepend([message(8, 0, replyTo(1, "old"))]);
  store.take(message(1, 1, { body: "new" }));
  assert.equal(store.messages[0]?.replyTo?.excerpt, "new");
  store.take(message(8, 2, replyTo(1, "old")));
  assert.equal(store.messages[0]?.replyTo?.excerpt, "new", "the copy was read before the change");
});

test("a copy that was read just now has the current quote, and is kept until its message enters", () => {
  const store = new MessageStore();
  store.prepend([message(8, 1, replyTo(1, "old"))]);
  store.take(message(8, 1, replyTo(1, "other")));
  assert.equal(store.messages[0]?.replyTo?.excerpt, "old", "of two copies of a revision, the held one stays");
  store.takeCurrent(message(8, 1, replyTo(1, "current")));
  store.takeCurrent(message(9, 0, replyTo(1, "current")));
  store.append(message(9, 0, replyTo(1, "old")));
  assert.deepEqual(
    store.messages.map(({ replyTo }) => replyTo?.excerpt),
    ["current", "current"],
  );
});

test("a copy that changes nothing leaves the same object", () => {
  const store = new MessageStore();
  store.prepend([message(1, 1), message(2, 0, replyTo(1, "message 1, revision 1"))]);
  const before = [...store.messages];
  for (const copy of [message(1, 1), message(1), message(2), before[1] as Message]) {
    store.take(copy);
    store.takeCurrent(copy);
  }
  for (const [index, held] of store.messages.entries()) assert.equal(held, before[index]);
});

test("of changed messages before the list, the 500 newest are kept; of those after it, all", () => {
  const store = new MessageStore();
  store.prepend([message(1_000)]);
  for (let seq = 1; seq <= 600; seq += 1) {
    store.take(message(seq, seq));
    store.take(message(1_000 + seq, seq));
  }
  const kept = (first: number, last: number) => {
    return Array.from({ length: last - first + 1 }, (_, index) => store.get(first + index)).filter(Boolean).length;
  };
  assert.deepEqual([kept(1, 100), kept(101, 600), kept(1_001, 1_600)], [0, 500, 600]);
  store.dropOlder();
  assert.deepEqual([kept(1, 600), kept(1_000, 1_600)], [0, 601]);
});
