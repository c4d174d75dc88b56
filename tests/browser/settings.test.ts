import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { call, launch, markAllRead, newThread, Person, sendMessage, waitUntil } from "./browser.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("a muted conversation is muted on all devices, and its messages do not count in the title", async () => {
  const title = `Quiet ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await markAllRead("Michael");
  const [laptop, tablet] = [await Person.signedIn(browser, "Michael"), await Person.signedIn(browser, "Michael")];
  await laptop.openThread(title);
  await laptop.chooseInMenu("Mute for 8 hours");
  for (const device of [laptop, tablet]) await device.threadLink(title).getByText("muted").waitFor();
  await laptop.page.getByRole("main").getByText("Muted", { exact: true }).waitFor();
  await sendMessage("Sarah", thread, "Not urgent");
  await tablet.waitForUnread(title, 1);
  assert.equal(await tablet.page.title(), "Hearth");
  assert.equal(await tablet.page.getByRole("log", { name: "New messages" }).textContent(), "");
  await laptop.page.reload();
  await laptop.threadLink(title).getByText("muted").waitFor();

  await laptop.chooseInMenu("Unmute");
  for (const device of [laptop, tablet]) {
    await device.threadLink(title).locator(".muted").waitFor({ state: "detached" });
  }
  await laptop.page.keyboard.press("Escape");
  await sendMessage("Sarah", thread, "Urgent");
  await tablet.page.getByRole("log", { name: "New messages" }).getByText("Urgent").waitFor();
  await waitUntil("the title has a number", async () => /^\(\d\) Hearth$/.test(await tablet.page.title()));
  await laptop.close();
  await tablet.close();
});

test("an archived conversation moves to the archive on all devices, and stays there when messages arrive", async () => {
  const title = `Archived ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  const marker = `Marker ${crypto.randomUUID()}`;
  await markAllRead("Michael");
  const [laptop, tablet] = [await Person.signedIn(browser, "Michael"), await Person.signedIn(browser, "Michael")];
  await tablet.threadLink(title).waitFor();
  await laptop.openThread(title);
  await laptop.chooseInMenu("Archive");
  for (const device of [laptop, tablet]) await device.threadLink(title).waitFor({ state: "detached" });
  await laptop.page.getByRole("main").getByText("Archived", { exact: true }).waitFor();

  await sendMessage("Sarah", thread, "Are you there?");
  await sendMessage("Sarah", await newThread(marker, "Sarah", "Michael"), "Later");
  await tablet.threadLink(marker).getByText("Later").waitFor();
  assert.equal(await tablet.threadLink(title).count(), 0);
  assert.equal(await tablet.page.title(), "(1) Hearth", "only the message that is not archived counts");
  await tablet.page.getByRole("button", { name: "Archived conversations" }).click();
  await tablet.threadLink(title).getByText("Are you there?").waitFor();
  assert.equal(await tablet.threadLink(marker).count(), 0);

  // Like the list, the archive shows changes without a reload.
  await tablet.openThread(title);
  await laptop.chooseInMenu("Unarchive");
  await tablet.page.getByText("No archived conversations.").waitFor();
  await tablet.page.getByRole("button", { name: "Close the archive" }).click();
  for (const device of [laptop, tablet]) await device.threadLink(title).waitFor();
  const focused = () => tablet.page.evaluate(() => document.activeElement?.textContent);
  await waitUntil("the focus is on the archive's button", async () => (await focused()) === "Archived conversations");
  await laptop.close();
  await tablet.close();
});

test("a setting that the server refuses is shown as it was, with the reason", async () => {
  const title = `Refused ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  const sarah = await Person.signedIn(browser, "Sarah");
  await sarah.openThread(title);
  await sarah.page.route(/\/me$/, (route) =>
    route.request().method() !== "PATCH"
      ? route.fallback()
      : route.fulfill({
          status: 403,
          headers: { "access-control-allow-origin": "*" },
          json: { message: "Forbidden" },
        }),
  );
  await sarah.chooseInMenu("Archive");
  await sarah.page.getByRole("alert").getByText("The setting could not be changed.").waitFor();
  await sarah.threadLink(title).waitFor();
  await sarah.page.unrouteAll();
  await sarah.chooseInMenu("Mute until I unmute it");
  await sarah.threadLink(title).getByText("muted").waitFor();
  await sarah.page.getByRole("alert").waitFor({ state: "detached" });
  const stored = () => call<{ archived: boolean; mutedUntil: string | null }>("Sarah", "GET", `/api/threads/${thread}`);
  await waitUntil("the mute is stored", async () => (await stored()).mutedUntil !== null);
  assert.equal((await stored()).archived, false);
  await sarah.close();
});

test("the menu of a conversation is used by keyboard, and Escape closes only the menu", async () => {
  const title = `Menu ${crypto.randomUUID()}`;
  await newThread(title, "Sarah", "Michael");
  const { page, ...sarah } = await Person.signedIn(browser, "Sarah");
  await page.getByRole("link", { name: title }).click();
  const button = page.getByRole("button", { name: "Conversation menu" });
  await button.focus();
  await page.keyboard.press("Enter");
  const item = page.getByRole("button", { name: "Members", exact: true });
  await item.waitFor();
  await page.keyboard.press("Tab");
  assert.ok(await item.evaluate((element) => element === document.activeElement));
  await page.keyboard.press("Escape");
  await item.waitFor({ state: "hidden" });
  await page.getByRole("heading", { name: title }).waitFor();
  assert.ok(await button.evaluate((element) => element === document.activeElement));
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: title }).waitFor({ state: "detached" });
  assert.deepEqual(sarah.errors, []);
  await page.context().close();
});
