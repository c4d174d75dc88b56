import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import type { Message, ThreadView } from "hearth-client";
import { Deletions } from "../src/deletions.ts";

let page: EventTarget & { visibilityState: string };
let sent: number[];
const view = { remove: (seq: number) => sent.push(seq) } as unknown as ThreadView;
const message = (seq: number) => ({ id: `msg_${seq}`, seq }) as Message;

beforeEach(() => {
  sent = [];
  page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  Object.assign(globalThis, { document: page });
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("a deletion is sent once, after five seconds", () => {
  const deletions = new Deletions();
  deletions.start(view, message(1));
  mock.timers.tick(4_999);
  assert.deepEqual([sent, [...deletions.getSnapshot()]], [[], ["msg_1"]]);
  mock.timers.tick(1);
  assert.deepEqual([sent, [...deletions.getSnapshot()]], [[1], []]);
  mock.timers.tick(60_000);
  deletions.close();
  assert.deepEqual(sent, [1]);
});

test("an undone deletion is never sent", () => {
  const deletions = new Deletions();
  deletions.start(view, message(1));
  deletions.start(view, message(2));
  assert.equal(deletions.undo("msg_1"), true);
  mock.timers.tick(60_000);
  deletions.close();
  assert.deepEqual(sent, [2]);
  assert.equal(deletions.undo("msg_2"), false);
});

test("deletions are sent when the page is hidden, and not after the user has undone them", () => {
  const deletions = new Deletions();
  deletions.start(view, message(1));
  page.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual(sent, []);
  page.visibilityState = "hidden";
  page.dispatchEvent(new Event("visibilitychange"));
  mock.timers.tick(60_000);
  assert.deepEqual(sent, [1]);
  deletions.close();
  deletions.start(view, message(2));
  page.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual(sent, [1]);
});

test("a deletion that is started twice is sent once, five seconds after the second start", () => {
  const deletions = new Deletions();
  deletions.start(view, message(1));
  mock.timers.tick(3_000);
  deletions.start(view, message(1));
  mock.timers.tick(4_999);
  assert.deepEqual(sent, []);
  mock.timers.tick(1);
  assert.deepEqual(sent, [1]);
});

test("closing sends all deletions at once", () => {
  const deletions = new Deletions();
  for (const seq of [1, 2]) deletions.start(view, message(seq));
  deletions.close();
  assert.deepEqual(sent, [1, 2]);
});
