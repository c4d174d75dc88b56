import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Browser, type CDPSession, devices, type Locator } from "playwright-core";
import { launch, newThread, Person, sendMessage, waitUntil } from "./browser.ts";
import { drawLake } from "./photo.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** How long a finger stays on a message, in milliseconds. The page notices a long press after 500 ms. */
const LONG_PRESS_MS = 800;

async function open(name: string, texts: string[], options?: Parameters<typeof Person.signedIn>[2]): Promise<Person> {
  const title = `Menu ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  for (const text of texts) await sendMessage("Michael", thread, text);
  const person = await Person.signedIn(browser, name, options);
  await person.openThread(title);
  for (const text of texts) await person.waitForMessage(text);
  return person;
}

test("the menu of a message can be used by keyboard", async () => {
  const michael = await open("Michael", ["First", "Second", "Third"]);
  const { page } = michael;
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "");
  const waitForFocus = (label: string) =>
    waitUntil(`the focus is on ${label}`, async () => (await focused()) === label);
  await michael.field.focus();
  await page.keyboard.press("Shift+Tab"); // only the button of the newest message is in the tab order
  await page.keyboard.press("Shift+Tab");
  await waitForFocus("Actions for your message: Third");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowDown");
  await waitForFocus("Actions for your message: Second");

  await page.keyboard.press("Enter");
  const menu = page.getByRole("menu", { name: "your message: Second" });
  await menu.waitFor();
  const item = () => page.evaluate(() => document.activeElement?.textContent);
  assert.equal(await item(), "❤️");
  for (const [key, expected] of [
    ["ArrowRight", "👍"],
    ["ArrowDown", "Reply"],
    ["ArrowDown", "Edit"],
    ["End", "Delete"],
    ["ArrowDown", "❤️"],
    ["ArrowUp", "Delete"],
    ["Home", "❤️"],
  ] as const) {
    await page.keyboard.press(key);
    assert.equal(await item(), expected, key);
  }
  await page.keyboard.press("Escape");
  await menu.waitFor({ state: "detached" });
  await waitForFocus("Actions for your message: Second");
  await page.getByRole("heading", { name: /^Menu/ }).waitFor(); // Escape has only closed the menu

  await page.keyboard.press("Enter");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await waitForFocus("Message");
  await page.keyboard.type("An answer");
  await page.keyboard.press("Enter");
  await michael.message("An answer").locator(".quote", { hasText: "Second" }).waitFor();

  // The button Undo has the focus. When the deletion is undone, the button disappears, and the message gets the focus.
  await michael.chooseFor("Third", "Delete");
  await waitUntil("the focus is on Undo", async () => (await item()) === "Undo");
  await page.keyboard.press("Enter");
  await waitUntil("the focus is on the message", () =>
    michael.message("Third").evaluate((message) => message === document.activeElement),
  );
  assert.equal(await michael.message("deleted").count(), 0);
  await michael.close();
});

test("the menu copies the text and stays on the screen", async () => {
  const long = "A long message. ".repeat(200).trim();
  const michael = await open("Michael", ["First", long], { viewport: { width: 900, height: 420 } });
  await michael.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const menu = await michael.openMessageMenu(long);
  const box = (await menu.boundingBox()) ?? assert.fail();
  assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= 900 && box.y + box.height <= 420, JSON.stringify(box));
  await menu.getByRole("menuitem", { name: "Copy text" }).click();
  await michael.page.getByRole("status").getByText("Text copied").waitFor();
  assert.equal(await michael.page.evaluate(() => navigator.clipboard.readText()), long);
  const label = await michael.message(long).getByRole("button").getAttribute("aria-label");
  assert.equal(label, `Actions for your message: ${long.slice(0, 100)} …`);
  await michael.close();
});

test("on a phone, a long press opens the menu, and scrolling, a tap or a release does not", async () => {
  const { defaultBrowserType: _, ...phone } = devices["Pixel 7"] ?? assert.fail();
  const michael = await open("Michael", ["Hold this"], phone);
  const { page } = michael;
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Add photos or files" }).click();
  const buffer = await drawLake(page, 800, 600);
  await (await chooser).setFiles([{ name: "lake.jpg", mimeType: "image/jpeg", buffer }]);
  await page.getByText("Ready to send").waitFor();
  await page.getByRole("button", { name: "Send" }).tap();
  const photo = page.getByRole("button", { name: "Open lake.jpg" });
  await photo.waitFor();
  const menu = page.getByRole("menu");
  const finger = new Finger(await page.context().newCDPSession(page));

  await finger.press(michael.message("Hold this").locator(".bubble"));
  await finger.move(0, -40);
  await page.waitForTimeout(LONG_PRESS_MS);
  await finger.release();
  await michael.message("Hold this").locator(".bubble").tap();
  assert.equal(await menu.count(), 0);

  await finger.press(photo);
  await page.getByRole("menu", { name: "your message: Photo" }).waitFor();
  await finger.release();
  assert.equal(await page.getByRole("dialog", { name: "lake.jpg" }).count(), 0);
  await page.getByRole("menuitemradio", { name: "👍" }).tap();
  await page.getByRole("button", { name: "👍 1" }).waitFor();
  assert.equal(await menu.count(), 0);
  await photo.tap();
  await page.getByRole("dialog", { name: "lake.jpg" }).waitFor();
  await michael.close();
});

test("links in messages open a new page, and HTML stays text", async () => {
  const html = '<img src="x" onerror="document.title = 1"> <a href="javascript:alert(1)">no</a>';
  const michael = await open("Michael", [`${html} (https://lake.example/a?b=1).`]);
  const links = michael.page.locator("li.message a");
  assert.deepEqual(
    await links.evaluateAll((all) =>
      all.map((link) => [link.textContent, ...["href", "target", "rel"].map((name) => link.getAttribute(name))]),
    ),
    [["https://lake.example/a?b=1", "https://lake.example/a?b=1", "_blank", "noopener noreferrer"]],
  );
  assert.deepEqual(await michael.messageTexts(), [`${html} (https://lake.example/a?b=1).`]);
  assert.equal(await michael.page.locator("li.message img").count(), 0);
  await michael.close();
});

/** One finger on the screen. */
class Finger {
  private at = { x: 0, y: 0 };

  private readonly session: CDPSession;

  constructor(session: CDPSession) {
    this.session = session;
  }

  async press(target: Locator): Promise<void> {
    const { x, y, width, height } = (await target.boundingBox()) ?? assert.fail();
    this.at = { x: x + width / 2, y: y + height / 2 };
    await this.send("touchStart");
  }

  async move(x: number, y: number): Promise<void> {
    this.at = { x: this.at.x + x, y: this.at.y + y };
    await this.send("touchMove");
  }

  async release(): Promise<void> {
    await this.session.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  }

  private async send(type: "touchStart" | "touchMove"): Promise<void> {
    await this.session.send("Input.dispatchTouchEvent", { type, touchPoints: [this.at] });
  }
}
