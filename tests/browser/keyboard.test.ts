import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { knownUser, launch, newThread, Person, waitUntil } from "./browser.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("the whole page can be used by keyboard", async () => {
  const title = `Keys ${crypto.randomUUID()}`;
  const other = `Other ${crypto.randomUUID()}`;
  await newThread(other, "Sarah", "Michael");
  const { page, ...person } = await Person.open(browser, "Sarah");
  await tabTo(page, "Sign in as Sarah");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: other }).waitFor();

  await tabTo(page, "New conversation");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "New conversation" });
  await dialog.waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await waitForFocus(page, "New conversation");
  await page.keyboard.press("Enter");
  await waitForFocus(page, "Search people");
  await page.keyboard.type("mich");
  await dialog.getByRole("checkbox", { name: "Michael" }).waitFor();
  await page.keyboard.press("Enter");
  await tabTo(page, "Add someone by ID");
  await page.keyboard.press("Enter");
  await tabTo(page, "User ID");
  await page.keyboard.type(await knownUser());
  await page.keyboard.press("Enter");
  await tabTo(page, "Title");
  await page.keyboard.type(title);
  await page.keyboard.press("Enter");

  await page.getByRole("heading", { name: title }).waitFor();
  await waitForFocus(page, "Message");
  await page.keyboard.type("First line");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("second line");
  await page.keyboard.press("Enter");
  await page.locator("li.message[data-state=sent]").waitFor();
  assert.equal(await page.locator("li.message .bubble").textContent(), "First line\nsecond line");
  await waitForFocus(page, "Message");
  await page.keyboard.type("A draft");
  await page.getByRole("link", { name: title }).waitFor();

  // Escape leaves the conversation, the arrow keys move through the list, and the draft is kept.
  await page.keyboard.press("Escape");
  await waitForFocus(page, title);
  await page.keyboard.press("ArrowDown");
  await waitForFocus(page, other);
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await waitForFocus(page, "Message");
  assert.equal(await page.getByRole("textbox", { name: "Message" }).inputValue(), "A draft");

  // With Tab, the user can focus the list of messages to scroll it, and can reach all other controls.
  await tabTo(page, "Messages", "Shift+Tab");
  await tabTo(page, "Add photos or files");
  await tabTo(page, "Sign out", "Shift+Tab");
  await page.keyboard.press("Enter");
  const question = page.getByRole("dialog", { name: "Sign out" }); // because of the draft
  await question.waitFor();
  await page.keyboard.press("Escape");
  await question.waitFor({ state: "detached" });
  await waitForFocus(page, "Sign out");
  await page.keyboard.press("Enter");
  await tabTo(page, "Discard and sign out");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  assert.deepEqual(person.errors, []);
  await page.context().close();
});

test("keys of an input method are not commands, and a drag out of a dialog does not close it", async () => {
  const title = `Composed ${crypto.randomUUID()}`;
  await newThread(title, "Sarah", "Michael");
  const sarah = await Person.signedIn(browser, "Sarah");
  await sarah.openThread(title);
  const field = sarah.page.getByRole("textbox", { name: "Message" });
  await field.fill("かん");
  for (const key of ["Enter", "Escape"]) {
    await field.dispatchEvent("keydown", { key, isComposing: true, bubbles: true, cancelable: true });
    await field.dispatchEvent("keydown", { key, keyCode: 229, bubbles: true, cancelable: true });
  }
  assert.equal(await field.inputValue(), "かん");
  assert.equal(await sarah.page.locator("li.message").count(), 0);

  await sarah.page.getByRole("button", { name: "New conversation" }).click();
  const { mouse } = sarah.page;
  const inside = (await sarah.page.getByLabel("Title").boundingBox()) ?? assert.fail();
  await mouse.move(inside.x + 5, inside.y + 5);
  await mouse.down();
  await mouse.move(5, 5);
  await mouse.up();
  await sarah.page.getByLabel("Title").fill("Still there");
  await mouse.click(5, 5);
  await sarah.page.getByRole("dialog").waitFor({ state: "detached" });
  await sarah.close();
});

test("starting a conversation with the same people opens the existing one and keeps its title", async () => {
  const sarah = await Person.signedIn(browser, "Sarah");
  const title = `Found ${crypto.randomUUID()}`;
  const guest = await knownUser();
  for (const given of [title, "Another title"]) {
    await sarah.page.getByRole("button", { name: "New conversation" }).click();
    await sarah.addById(guest);
    await sarah.page.getByLabel("Title").fill(given);
    await sarah.page.keyboard.press("Enter");
    await sarah.page.getByRole("heading", { name: title }).waitFor();
    await sarah.page.keyboard.press("Escape");
  }

  await sarah.page.getByRole("button", { name: "New conversation" }).click();
  await sarah.addById("not\u0007an id");
  await sarah.page.getByRole("button", { name: "Start" }).click();
  await sarah.page.getByRole("dialog").getByRole("alert").waitFor();
  await sarah.close();
});

/** Returns the label or text of the focused element, or "" if nothing is focused. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const element = document.activeElement as HTMLElement & { labels?: NodeListOf<HTMLElement> };
    if (element === document.body) return "";
    return element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent ?? "";
  });
}

async function waitForFocus(page: Page, name: string): Promise<void> {
  await waitUntil(`the focus is on ${name}`, async () => (await focused(page)).includes(name));
}

/** Presses `key` until the element with the given name is focused. Throws after 200 presses. */
async function tabTo(page: Page, name: string, key = "Tab"): Promise<void> {
  for (let presses = 0; presses < 200; presses += 1) {
    if ((await focused(page)).includes(name)) return;
    await page.keyboard.press(key);
  }
  throw new Error(`Pressing ${key} 200 times did not focus "${name}".`);
}
