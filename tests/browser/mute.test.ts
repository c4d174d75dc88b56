import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { call, launch, newThread, Person, sendMessage, waitUntil } from "./browser.ts";

const HOUR_MS = 3_600_000;

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("a conversation is muted for 8 hours, for a week, or until it is unmuted", async () => {
  const title = `Quiet ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  const sarah = await Person.signedIn(browser, "Sarah");
  await sarah.openThread(title);
  const mutedUntil = async () => {
    const { mutedUntil } = await call<{ mutedUntil: string | null }>("Sarah", "GET", `/api/threads/${thread}`);
    return mutedUntil === null ? 0 : Date.parse(mutedUntil);
  };
  for (const [command, hours] of [
    ["Mute for 8 hours", 8],
    ["Mute for a week", 7 * 24],
    ["Mute until I unmute it", 24 * 365 * 1000],
  ] as const) {
    const start = Date.now();
    await sarah.chooseInMenu(command);
    await waitUntil(`${command} is stored`, async () => (await mutedUntil()) > 0);
    const until = await mutedUntil();
    assert.ok(until >= start + hours * HOUR_MS, command);
    if (hours < 1000) assert.ok(until <= Date.now() + hours * HOUR_MS, command);
    await sarah.chooseInMenu("Unmute");
    await waitUntil("the mute has ended", async () => (await mutedUntil()) === 0);
  }
  await sarah.close();
});

test("a mute that ends does so on the open page", async () => {
  const title = `Quiet ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  const sarah = await Person.open(browser, "Sarah");
  await sarah.page.clock.install();
  await sarah.page.reload();
  await sarah.signIn();
  await sarah.openThread(title);
  await sarah.chooseInMenu("Mute for 8 hours");
  await sarah.threadLink(title).locator(".muted").waitFor();
  await sarah.page.keyboard.press("Escape");
  await sendMessage("Michael", thread, "Not urgent");
  await sarah.waitForUnread(title, 1);
  const before = await sarah.page.title();
  await sarah.page.clock.fastForward(8 * HOUR_MS + 1000);
  await sarah.threadLink(title).locator(".muted").waitFor({ state: "detached" });
  await waitUntil("the message counts", async () => (await sarah.page.title()) !== before);
  await sarah.close();
});
