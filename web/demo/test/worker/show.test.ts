import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { Reading } from "../../src/worker/messages.ts";
import type { Notice } from "../../src/worker/notice.ts";
import { type Surroundings, show } from "../../src/worker/show.ts";

const SCOPE = "https://chat.example/";

interface Shown extends NotificationOptions {
  title: string;
  renotify?: boolean;
}

/** The notifications that the system shows, by tag, and all that were ever shown. */
let visible: Map<string, Shown>;
let history: Shown[];
let pages: object[];

beforeEach(() => {
  visible = new Map();
  history = [];
  pages = [];
});

const surroundings = {
  registration: {
    scope: SCOPE,
    showNotification: async (title: string, options: NotificationOptions & { tag: string }) => {
      const shown = { ...options, title };
      history.push(shown);
      visible.set(options.tag, shown);
    },
    getNotifications: async ({ tag }: { tag: string }) => {
      const found = visible.get(tag);
      return found ? [{ ...found, close: () => visible.delete(tag) }] : [];
    },
  },
  clients: { matchAll: async () => pages },
} as unknown as Surroundings;

function notice(more: Partial<Notice> = {}): Notice {
  const url = `${SCOPE}#thread_1`;
  return { title: "Sarah", body: "Dinner?", tag: "thread_1", url, timestamp: 1, badge: 1, ...more };
}

/** Adds an open page. If `reading` is undefined, the page does not answer the service worker. */
function addPage(reading: Reading | undefined, more: object = {}): void {
  const postMessage = (message: unknown, [port]: MessagePort[]) => {
    assert.deepEqual(message, { type: "reading" });
    if (reading) port?.postMessage(reading);
    port?.close();
  };
  pages.push({ url: `${SCOPE}?a=b`, visibilityState: "visible", postMessage, ...more });
}

/** Returns, for each notification that was shown, whether it made a sound. */
function rang(): (boolean | undefined)[] {
  for (const { silent, renotify } of history) assert.equal(silent, !renotify);
  return history.map(({ renotify }) => renotify);
}

test("a message rings, and so does a later one of the same thread, in place of the first", async () => {
  await show(notice(), surroundings);
  await show(notice({ body: "Or lunch?", timestamp: 2 }), surroundings);
  assert.deepEqual(rang(), [true, true]);
  assert.deepEqual(
    [...visible.values()].map(({ body, data }) => [body, data.url]),
    [["Or lunch?", `${SCOPE}#thread_1`]],
  );
});

test("a repeated message is shown again, but does not ring", async () => {
  for (const timestamp of [1, 1, 2, undefined, undefined]) await show(notice({ timestamp }), surroundings);
  assert.deepEqual(rang(), [true, false, true, true, false]);
});

test("another thread with the same text rings", async () => {
  await show(notice(), surroundings);
  await show(notice({ tag: "thread_2" }), surroundings);
  assert.deepEqual(rang(), [true, true]);
  assert.equal(visible.size, 2);
});

test("a notification closes if a visible page shows its thread, and is silent if the page shows another thread", async () => {
  addPage({ threadId: "thread_2", live: true });
  await show(notice(), surroundings);
  assert.equal(visible.size, 1);
  addPage({ threadId: "thread_1", live: true });
  await show(notice({ timestamp: 2 }), surroundings);
  assert.equal(visible.size, 0);
  assert.deepEqual(rang(), [false, false]);
});

test("a notification is not silent for pages that are hidden, not live, frozen, or in another folder", async () => {
  const reading = { threadId: "thread_1", live: true };
  addPage(reading, { visibilityState: "hidden" });
  addPage(reading, { url: "https://chat.example.evil.example/" });
  addPage({ threadId: "thread_1", live: false });
  addPage(undefined);
  await show(notice(), surroundings);
  assert.deepEqual(rang(), [true]);
  assert.equal(visible.size, 1);
});
