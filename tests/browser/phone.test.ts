import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Browser, devices } from "playwright-core";
import { launch, newThread, Person, sendMessage } from "./browser.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("on a phone, only the list or one conversation is shown, and nothing is wider than the screen", async () => {
  const title = `Phone ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await sendMessage("Michael", thread, "A-word-that-does-not-end-".repeat(40));
  const { defaultBrowserType: _, ...phone } = devices["Pixel 7"] ?? assert.fail();
  const sarah = await Person.signedIn(browser, "Sarah", phone);
  const list = sarah.page.getByRole("main", { name: "Conversations" });
  await assertNoHorizontalOverflow(sarah);
  await sarah.threadLink(title).tap();
  await sarah.page.getByRole("heading", { name: title }).waitFor();
  await list.waitFor({ state: "hidden" });
  await sarah.waitForMessage("A-word-that-does-not-end-");
  await assertNoHorizontalOverflow(sarah);

  // The message field is not focused automatically, so the phone's keyboard stays closed. In the field, Enter starts a
  // new line.
  assert.equal(await sarah.page.evaluate(() => document.activeElement?.tagName), "H1");
  const field = sarah.page.getByRole("textbox", { name: "Message" });
  await field.tap();
  await sarah.page.keyboard.type("Two");
  await sarah.page.keyboard.press("Enter");
  await sarah.page.keyboard.type("lines");
  await sarah.page.getByRole("button", { name: "Send" }).tap();
  await sarah.waitForMessage("Two\nlines");

  await sarah.page.context().setOffline(true);
  await sarah.waitForConnection("Offline");
  await sarah.page.context().setOffline(false);
  await sarah.waitForConnection("Live");

  await sarah.page.getByRole("link", { name: "Back to conversations" }).tap();
  await list.waitFor();
  await sarah.page.getByRole("heading", { name: title }).waitFor({ state: "detached" });
  await sarah.page.getByRole("button", { name: "New conversation" }).tap();
  await sarah.page.getByRole("dialog").waitFor();
  await assertNoHorizontalOverflow(sarah);
  await sarah.page.getByRole("button", { name: "Cancel" }).tap();
  await sarah.page.goBack();
  await sarah.page.getByRole("heading", { name: title }).waitFor();
  await sarah.close();
});

async function assertNoHorizontalOverflow({ page }: Person): Promise<void> {
  const wide = await page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll(".scroller, .threads, dialog")]
      .filter((element) => element.scrollWidth > element.clientWidth)
      .map((element) => `${element.tagName}.${element.className}: ${element.scrollWidth} > ${element.clientWidth}`),
  );
  assert.deepEqual(wide, []);
}
