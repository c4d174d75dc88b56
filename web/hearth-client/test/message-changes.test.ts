import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "../src/index.js";
import { type Change, replaces, withChange } from "../src/message-changes.js";

const NOW = "2026-01-01T00:00:00Z";
const MESSAGE: Message = {
  id: "msg_1",
  threadId: "thread_1",
  seq: 1,
  rev: 4,
  body: "hello",
  author: { id: "ann", name: "Ann" },
  attachments: [{ id: "file_1", name: "a", url: "/a", mimetype: "image/png", size: 1, status: "ready" }],
  createdAt: "2025",
  editedAt: "2025",
  reactions: [
    { emoji: "❤️", userIds: ["bob", "dan"] },
    { emoji: "👍", userIds: ["carl"] },
  ],
  replyTo: { seq: 1, author: { id: "bob", name: "Bob" }, excerpt: "hi", deleted: false },
};

function change(kind: Change["kind"], value: string | null = null): Change {
  return { kind, seq: 1, body: kind === "edit" ? value : null, emoji: kind === "react" ? value : null };
}

test("a change does not modify the message, and keeps its revision", () => {
  const before = structuredClone(MESSAGE);
  for (const made of [change("edit", "new"), change("remove"), change("react", "👍"), change("react")]) {
    assert.equal(withChange(MESSAGE, made, "bob", NOW).rev, 4);
    assert.deepEqual(MESSAGE, before);
  }
});

test("a reaction replaces the one of the same user, and stays in the order of emojis and users", () => {
  const reactions = (userId: string, emoji: string | null) => {
    const made = withChange(MESSAGE, change("react", emoji), userId, NOW).reactions;
    return made.map(({ emoji, userIds }) => `${emoji} ${userIds}`);
  };
  assert.deepEqual(reactions("bob", "👍"), ["❤️ dan", "👍 bob,carl"]);
  assert.deepEqual(reactions("carl", "❤️"), ["❤️ bob,carl,dan"]);
  assert.deepEqual(reactions("carl", null), ["❤️ bob,dan"]);
  assert.deepEqual(reactions("eve", "☕"), ["☕ eve", "❤️ bob,dan", "👍 carl"]);
  assert.deepEqual(reactions("eve", null), ["❤️ bob,dan", "👍 carl"]);
});

test("a deleted message has no text, files, reactions, quote and time of an edit, and cannot be changed", () => {
  const { editedAt: _, replyTo: __, ...others } = MESSAGE;
  const deleted = withChange(MESSAGE, change("remove"), "ann", NOW);
  assert.deepEqual(deleted, { ...others, body: "", attachments: [], reactions: [], deletedAt: NOW });
  for (const made of [change("edit", "new"), change("remove"), change("react", "👍")]) {
    assert.equal(withChange(deleted, made, "ann", NOW), deleted);
  }
});

test("a change that is in effect, or whose user is not known, leaves the same object", () => {
  assert.equal(withChange(MESSAGE, change("edit", "hello"), "ann", NOW), MESSAGE);
  assert.equal(withChange(MESSAGE, change("react", "👍"), undefined, NOW), MESSAGE);
});

test("a later change replaces earlier ones of its kind, and a deletion replaces all of the same message", () => {
  const kinds = ["edit", "remove", "react"] as const;
  const replaced = kinds.map((later) => kinds.filter((earlier) => replaces(change(later), change(earlier))));
  assert.deepEqual(replaced, [["edit"], ["edit", "remove", "react"], ["react"]]);
  for (const kind of kinds) assert.equal(replaces(change(kind), { ...change(kind), seq: 2 }), false);
});
