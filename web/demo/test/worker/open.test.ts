import assert from "node:assert/strict";
import { test } from "node:test";
import { open, type Surroundings } from "../../src/worker/open.ts";

const SCOPE = "https://chat.example/app/";

/** Opens a thread while these pages are open. Returns what happened to them. */
async function openWith(...pages: { url: string; visibilityState: string }[]): Promise<unknown[]> {
  const events: unknown[] = [];
  const windows = pages.map((page, index) => ({
    ...page,
    postMessage: (message: object) => events.push([index, message]),
    focus: async () => events.push([index, "focus"]),
  }));
  const clients = { matchAll: async () => windows, openWindow: async (url: string) => events.push(url) };
  await open(`${SCOPE}#thread_1`, { registration: { scope: SCOPE }, clients } as unknown as Surroundings);
  return events;
}

const message = { type: "open", hash: "#thread_1" };

test("without an open page, a click opens a new one", async () => {
  assert.deepEqual(await openWith(), [`${SCOPE}#thread_1`]);
  const other = { url: "https://chat.example/shop/", visibilityState: "visible" };
  assert.deepEqual(await openWith(other), [`${SCOPE}#thread_1`], "a page in another folder is not this page");
});

test("a click uses the open page, preferably a visible one", async () => {
  const [hidden, visible] = ["hidden", "visible"].map((state) => ({ url: `${SCOPE}#/`, visibilityState: state }));
  assert.deepEqual(await openWith(hidden as never, visible as never, visible as never), [
    [1, message],
    [1, "focus"],
  ]);
  assert.deepEqual(await openWith(hidden as never, hidden as never), [
    [0, message],
    [0, "focus"],
  ]);
});
