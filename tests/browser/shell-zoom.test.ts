import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, BrowserContextOptions, Locator } from "playwright-core";
import { audit } from "./audit.ts";
import { launch, newThread, Person, post } from "./browser.ts";
import { upload } from "./files.ts";
import { drawLake } from "./photo.ts";

/** A window of 1280 × 1024 px, magnified to 200 % and 400 %, and at 100 % in forced colours; and a phone. */
const MODES: Record<string, BrowserContextOptions> = {
  "at 200 % zoom": { viewport: { width: 640, height: 512 }, reducedMotion: "reduce" },
  "at 400 % zoom": { viewport: { width: 320, height: 256 }, reducedMotion: "reduce" },
  "in forced colours": { viewport: { width: 1280, height: 1024 }, forcedColors: "active", reducedMotion: "reduce" },
  "on a phone": { viewport: { width: 390, height: 780 }, reducedMotion: "reduce" },
};

let browser: Browser;
let title: string;
before(async () => {
  browser = await launch("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream");
  title = `Shell ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael", "Dad");
  const page = await browser.newPage();
  const fileIds = [
    await upload("Michael", "lake.jpg", "image/jpeg", await drawLake(page, 400, 300)),
    await upload("Michael", "recipe.pdf", "application/pdf", Buffer.from("%PDF-")),
  ];
  await page.close();
  await post("Michael", `/api/threads/${thread}/messages`, { body: "A photo and a recipe", fileIds });
});
after(() => browser.close());

for (const [mode, options] of Object.entries(MODES)) {
  test(`${mode}, dialogs, bars and the composer fit, and axe finds no problems`, async () => {
    const sarah = await Person.open(browser, "Sarah", options);
    const { page } = sarah;
    const check = async (view: string) => {
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${view} is too wide`);
      await audit(sarah, `${mode}, ${view}`);
    };
    await page.getByRole("button", { name: "Sign in as Sarah" }).waitFor();
    await check("sign-in");
    await sarah.signIn();
    await sarah.threadLink(title).waitFor();
    await check("list");

    await page.getByRole("button", { name: "Your account" }).click();
    await page.getByText("The browser keeps").waitFor();
    await page.getByRole("checkbox", { name: "Share read receipts" }).waitFor();
    await check("account");
    await page.getByRole("button", { name: "Sign out on all devices" }).click();
    await page.getByText("everywhere else where you use Hearth").waitFor();
    await check("sign out");
    await page.keyboard.press("Escape");

    await sarah.openThread(title);
    await sarah.waitForMessage("A photo and a recipe");
    await sarah.waitForConnection("Live");
    await page.getByRole("button", { name: title }).click();
    await page.getByRole("dialog", { name: "About this conversation" }).waitFor();
    await check("details");
    await page.getByRole("button", { name: "Photos and files" }).click();
    const gallery = page.getByRole("dialog", { name: "Photos and files" });
    await gallery.locator("img").evaluate((image: HTMLImageElement) => image.decode());
    await check("photos");
    await gallery.getByRole("radio", { name: "Files (1)" }).check();
    await gallery.getByRole("link", { name: "recipe.pdf" }).waitFor();
    await check("files");
    await page.keyboard.press("Escape");
    await sarah.chooseInMenu("Search");
    await page.getByRole("searchbox").fill("recipe");
    await page.getByText("1 message found.").waitFor();
    await check("search");
    await page.getByRole("button", { name: "Close" }).click();

    await page.getByRole("button", { name: "Record a voice message" }).click();
    await page.getByRole("timer").getByText("0:01").waitFor();
    await check("recording");
    await assertOnScreen(page.getByRole("button", { name: "Send the voice message" }));
    await page.keyboard.press("Escape");

    await page.context().setOffline(true);
    await sarah.waitForConnection("Offline");
    await page.locator("input[type=file]").setInputFiles([
      { name: "empty.txt", mimeType: "text/plain", buffer: Buffer.from("") },
      { name: "waiting.txt", mimeType: "text/plain", buffer: Buffer.from("Soup") },
    ]);
    await page.getByText("Waiting for the network").waitFor();
    await check("offline, with files");
    await assertOnScreen(page.getByRole("button", { name: "Send", exact: true }));
    await page.context().setOffline(false);
    await sarah.close();
  });
}

async function assertOnScreen(button: Locator): Promise<void> {
  const inside = await button.evaluate((element) => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
  });
  assert.ok(inside, "the button must be on the screen");
}
