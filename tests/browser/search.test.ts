import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch, newThread, Person, sendMessage } from "./browser.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("a search finds loaded and older messages, and goes to one by keyboard", async () => {
  const title = `Search ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await sendMessage("Michael", thread, "<b>Grüße</b> vom Bodensee, the first of all");
  for (let index = 0; index < 60; index += 1) await sendMessage("Michael", thread, `Message ${index}`);
  await sendMessage("Sarah", thread, "Viele grusse");
  const person = await Person.signedIn(browser, "Sarah");
  const { page } = person;
  await person.openThread(title);
  await person.waitForMessage("Viele grusse");
  assert.equal(await person.message("Bodensee").count(), 0, "the message is not loaded yet");
  await person.chooseInMenu("Search");
  const dialog = page.getByRole("dialog", { name: "Search this conversation" });
  await dialog.getByRole("searchbox").fill("GRUSSE");
  await dialog.getByText("1 message found.").waitFor();
  await dialog.getByRole("searchbox").fill("GRÜ");
  await dialog.getByText("2 messages found.").waitFor();
  assert.deepEqual(await dialog.locator(".excerpt b").allTextContents(), ["gru", "Grü"]);
  assert.match((await dialog.locator(".excerpt").last().textContent()) ?? "", /^<b>Grüße<\/b> vom Bodensee/);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "detached" });
  const found = person.message("Bodensee");
  await found.waitFor();
  await page.waitForFunction(() => document.activeElement?.textContent?.includes("Bodensee"));
  const inside = await found.evaluate((item) => {
    const { top, bottom } = item.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  });
  assert.ok(inside);
  await person.chooseInMenu("Search");
  await dialog.getByRole("searchbox").fill("nobody wrote this");
  await dialog.getByText("Nothing found.").waitFor();
  await person.close();
});
