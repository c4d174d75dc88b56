import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch, newThread, Person, sendMessage, stack } from "./browser.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("names, titles, file names and messages are isolated from the text around them", async () => {
  const mark = crypto.randomUUID().slice(0, 8);
  const title = `סבתא ${mark} (שבת)`;
  const name = `תמונה ${mark}.txt`;
  const body = `שלום \u202E${mark}`;
  const thread = await newThread(title, "Sarah", "Michael", "Dad");
  await sendMessage("Michael", thread, body);
  const person = await Person.open(browser, "Sarah");
  const names = stack.users.map((user) => user.name);
  await person.page.getByRole("button", { name: "Sign in as Sarah" }).waitFor();
  assert.deepEqual(await exposed(person, [...names, mark]), []);
  await person.signIn();
  await person.openThread(title);
  await person.waitForMessage(mark);
  const chooser = person.page.waitForEvent("filechooser");
  await person.page.getByRole("button", { name: "Add photos or files" }).click();
  await (await chooser).setFiles([{ name, mimeType: "text/plain", buffer: Buffer.from("soup") }]);
  await person.page.getByText("Ready to send").waitFor();
  assert.deepEqual(await exposed(person, [...names, mark]), []);
  await person.page.getByRole("button", { name: "Send" }).click();
  await person.page.locator("a.file", { hasText: name }).waitFor();
  assert.deepEqual(await exposed(person, [...names, mark]), []);
  await person.page.getByRole("button", { name: "New conversation" }).click();
  await person.page.getByRole("checkbox", { name: "Michael" }).check();
  assert.deepEqual(await exposed(person, [...names, mark]), []);
  await person.page.keyboard.press("Escape");

  // The text that a user writes has the direction of its first letter.
  const bubble = person.message(mark).first().locator(".bubble");
  assert.equal(await bubble.evaluate((element) => getComputedStyle(element).direction), "rtl");
  const field = person.page.getByRole("textbox", { name: "Message" });
  await field.fill("שלום");
  assert.equal(await field.evaluate((element) => getComputedStyle(element).direction), "rtl");
  await field.fill("hello");
  assert.equal(await field.evaluate((element) => getComputedStyle(element).direction), "ltr");
  await person.close();
});

/**
 * Returns the visible texts on the page that contain one of `words` outside of an element that isolates its direction.
 * Throws if the page contains none of the words, because the check would then mean nothing.
 */
async function exposed({ page }: Person, words: string[]): Promise<string[]> {
  const { found, texts } = await page.evaluate((words) => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const texts: string[] = [];
    let found = 0;
    while (walker.nextNode()) {
      const { nodeValue, parentElement } = walker.currentNode;
      if (!words.some((word) => nodeValue?.includes(word)) || parentElement?.closest("[role=log]")) continue;
      found += 1;
      if (!parentElement?.closest("bdi, [dir=auto]")) texts.push(nodeValue ?? "");
    }
    return { found, texts };
  }, words);
  assert.ok(found > 0, "the page must contain one of the words");
  return texts;
}
