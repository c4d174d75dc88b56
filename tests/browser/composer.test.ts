import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Browser, type BrowserContextOptions, devices, type Route } from "playwright-core";
import { launch, newThread, Person, sendMessage, stack } from "./browser.ts";
import { drawLake } from "./photo.ts";

const FILE_BYTES = 25 * 1024 * 1024;

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("files that cannot be sent say why in words, and do not block the others", async () => {
  const { person } = await inThread();
  const { page } = person;
  await attach(person, ["empty.txt", ""], ["soup.txt", "Soup"], ["huge.bin", Buffer.alloc(FILE_BYTES + 1)]);
  const drafts = page.getByRole("list", { name: "Files to send" });
  await drafts.getByText("This file is empty.").waitFor();
  await drafts.getByText("This file is too large. A file can have at most 26.2 MB.").waitFor();
  assert.equal(await drafts.getByRole("button", { name: "Try again" }).count(), 0);
  await person.send("The recipe");
  await page.locator("a.file", { hasText: "soup.txt" }).waitFor();
  assert.equal(await drafts.getByRole("listitem").count(), 2, "the files that could not be sent stay in the composer");
  for (const name of ["empty.txt", "huge.bin"]) await page.getByRole("button", { name: `Remove ${name}` }).click();
  await drafts.waitFor({ state: "detached" });
  await person.close();
});

test("a message is sent at once, waits for its files, and can be cancelled", async () => {
  const { person } = await inThread();
  const { page } = person;
  const held: Route[] = [];
  await page.route(isUpload, (route) =>
    route.request().method() === "PUT" ? void held.push(route) : route.fallback(),
  );
  await attach(person, ["lake.jpg", await drawLake(page, 400, 300), "image/jpeg"]);
  await person.send("At the lake");
  const message = person.message("At the lake");
  await message.getByText("Uploading, ").waitFor();
  assert.equal(await person.field.inputValue(), "");
  assert.ok(await message.locator("img").evaluate((image: HTMLImageElement) => image.decode().then(() => true)));
  await person.send("A later one");
  await person.waitForMessage("A later one");
  await page.unroute(isUpload);
  for (const route of held.splice(0)) await route.fallback();
  await person.waitForMessage("At the lake");
  await page.getByRole("button", { name: "Open lake.jpg" }).waitFor();

  await page.route(isUpload, (route) =>
    route.request().method() === "PUT" ? void held.push(route) : route.fallback(),
  );
  await attach(person, ["dog.jpg", await drawLake(page, 400, 300), "image/jpeg"]);
  await person.send("The dog");
  await person.message("The dog").getByRole("button", { name: "Cancel" }).click();
  await person.message("The dog").waitFor({ state: "detached" });
  for (const route of held.splice(0)) await route.abort().catch(() => {}); // the page has aborted the request already
  await person.close();
});

test("a file that is attached without a network is uploaded when it is back", async () => {
  const { person } = await inThread();
  await person.page.context().setOffline(true);
  await attach(person, ["soup.txt", "Soup"]);
  await person.page.getByText("Waiting for the network").waitFor();
  await person.page.context().setOffline(false);
  await person.page.getByText("Ready to send").waitFor();
  await person.close();
});

test("a message that is being retried can be cancelled", async () => {
  const { person } = await inThread();
  await person.page.route(/\/messages$/, (route) =>
    route.request().method() === "POST" ? route.abort("internetdisconnected") : route.fallback(),
  );
  await person.send("Never mind");
  const message = person.message("Never mind");
  await message.getByText("trying again").waitFor();
  await message.getByRole("button", { name: "Cancel" }).click();
  await message.waitFor({ state: "detached" });
  await person.page.getByText("Cancelled.").waitFor();
  await person.page.unroute(/\/messages$/);
  await person.send("Another one");
  await person.waitForMessage("Another one");
  assert.deepEqual(await person.messageTexts(), ["Another one"]);
  await person.close();
});

test("drafts of several conversations survive a reload, with their files and replies", async () => {
  const { person, title, thread } = await inThread();
  const { page } = person;
  await sendMessage("Michael", thread, "Which recipe?");
  await person.chooseFor("Which recipe?", "Reply");
  await attach(person, ["soup.txt", "Soup"]);
  await page.getByText("Ready to send").waitFor();
  await person.field.fill("This one, I ");
  const other = `Other ${crypto.randomUUID()}`;
  await newThread(other, "Sarah", "Michael");
  await person.openThread(other);
  await person.field.fill("Second draft");
  await page.reload(); // before the 300 ms are over after which the page stores a draft
  await person.field.waitFor();
  assert.equal(await person.field.inputValue(), "Second draft");
  await person.openThread(title);
  assert.equal(await person.field.inputValue(), "This one, I ");
  await page.getByText("Replying to Michael").waitFor();
  await page.getByText("Ready to send").waitFor();
  await person.send("This one, I think");
  await page.locator("a.file", { hasText: "soup.txt" }).waitFor();
  await person
    .message("This one, I think")
    .getByRole("button", { name: /^In reply to/ })
    .waitFor();
  await page.reload();
  await person.waitForMessage("This one, I think");
  assert.equal(await person.field.inputValue(), "", "what was sent is not a draft any more");
  await person.close();
});

test("text that is pasted with an image goes into the field, and the image to the files", async () => {
  const { person } = await inThread({ permissions: ["clipboard-read", "clipboard-write"] });
  await person.page.evaluate(async () => {
    const canvas = new OffscreenCanvas(8, 8);
    canvas.getContext("2d")?.fillRect(0, 0, 8, 8);
    const image = await canvas.convertToBlob();
    const text = new Blob(["Table of guests"], { type: "text/plain" });
    await navigator.clipboard.write([new ClipboardItem({ "image/png": image, "text/plain": text })]);
  });
  await person.field.focus();
  await person.page.keyboard.press("ControlOrMeta+v");
  await person.page.getByText("Ready to send").waitFor();
  assert.equal(await person.field.inputValue(), "Table of guests");
  await person.close();
});

test("a file that is dropped beside the messages is added, and never opens in the browser", async () => {
  const { person } = await inThread();
  const { page } = person;
  const drop = (selector: string) =>
    page.locator(selector).evaluate((element) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(["Soup"], "soup.txt", { type: "text/plain" }));
      const fire = (type: string) =>
        !element.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer }));
      return [fire("dragover"), fire("drop")];
    });
  assert.deepEqual(await drop(".sidebar"), [true, true], "the page must handle both events");
  await page.getByText("Ready to send").waitFor();
  await page.getByRole("button", { name: "Remove soup.txt" }).click();
  await page.evaluate(() => location.assign("#/"));
  await page.locator(".nothing").waitFor();
  assert.deepEqual(await drop(".nothing"), [true, true]);
  await person.close();
});

test("with large text and many photos on a phone, everything stays on the screen", async () => {
  const { defaultBrowserType: _, ...phone } = devices["iPhone 13"] ?? assert.fail();
  const { person } = await inThread({ ...phone, viewport: { width: 390, height: 420 } }); // as with an open keyboard
  const { page } = person;
  await page.evaluate(() => {
    document.documentElement.style.fontSize = "150%";
  });
  const lake = await drawLake(page, 200, 150);
  await attach(person, ...Array.from({ length: 6 }, (_, index) => [`${index}.jpg`, lake, "image/jpeg"] as const));
  await page.getByText("Ready to send").nth(5).waitFor();
  for (const name of ["Send", "Add photos or files"]) {
    const box = (await page.getByRole("button", { name, exact: true }).boundingBox()) ?? assert.fail();
    assert.ok(box.x >= 0 && box.x + box.width <= 390, `${name}: ${JSON.stringify(box)}`);
    assert.ok(box.y >= 0 && box.y + box.height <= 420, `${name}: ${JSON.stringify(box)}`);
  }
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  assert.ok((await page.locator(".scroller").boundingBox())?.height, "there is space for messages");
  await person.close();
});

/** Signs in as Sarah and opens a new thread. */
async function inThread(options?: BrowserContextOptions): Promise<{ person: Person; title: string; thread: string }> {
  const title = `Composer ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  const person = await Person.signedIn(browser, "Sarah", options);
  await person.openThread(title);
  await person.waitForConnection("Live");
  return { person, title, thread };
}

type NewFile = readonly [name: string, content: string | Buffer, type?: string];

async function attach({ page }: Person, ...files: NewFile[]): Promise<void> {
  await page
    .locator("input[type=file]")
    .setInputFiles(
      files.map(([name, content, mimeType = "text/plain"]) => ({ name, mimeType, buffer: Buffer.from(content) })),
    );
}

function isUpload(url: URL): boolean {
  return url.origin === new URL(stack.endpointUrl).origin && url.pathname !== "/";
}
