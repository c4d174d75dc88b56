import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launch, newThread, Person } from "./browser.ts";
import { drawLake } from "./photo.ts";

let browser: Browser;
let lake: Buffer;
before(async () => {
  browser = await launch();
  const page = await browser.newPage();
  lake = await drawLake(page, 800, 600);
  await page.close();
});
after(() => browser.close());

async function pair(title: string): Promise<[Person, Person]> {
  await newThread(title, "Sarah", "Michael");
  const people: [Person, Person] = [await Person.enter(browser, "Sarah"), await Person.enter(browser, "Michael")];
  for (const person of people) await person.openThread(title);
  return people;
}

async function choose(page: Page, ...files: { name: string; mimeType: string; buffer: Buffer }[]): Promise<void> {
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Add photos or files" }).click();
  await (await chooser).setFiles(files);
}

function photo(name: string) {
  return { name, mimeType: "image/jpeg", buffer: lake };
}

test("a photo is a placeholder, then its thumbnail, and opens in full size", async () => {
  const [sarah, michael] = await pair(`Photo ${crypto.randomUUID()}`);
  const upload = await hold(sarah.page);
  await choose(sarah.page, photo("lake.jpg"));
  await sarah.page.getByText("Ready to send").waitFor();
  await sarah.write("Look what the lake did this morning.");

  await michael.sees("Look what the lake did this morning.");
  await michael.page.getByRole("img", { name: "lake.jpg, being prepared" }).waitFor();
  const own = sarah.page.getByRole("img", { name: "lake.jpg, being prepared" }).locator("img");
  assert.match((await own.getAttribute("src")) ?? "", /^blob:/, "its sender sees it meanwhile");

  await upload(lake);
  for (const person of [michael, sarah]) {
    const tile = person.page.getByRole("button", { name: "Open lake.jpg" });
    await tile.waitFor();
    await loaded(person.page, ".photo img", 1);
    assert.match((await tile.locator("img").getAttribute("src")) ?? "", /\/thumbs\//);
    await tile.click();
    const dialog = person.page.getByRole("dialog", { name: "lake.jpg" });
    await dialog.getByRole("img", { name: "lake.jpg" }).waitFor();
    await loaded(person.page, ".viewer img", 1);
    const size = await dialog
      .locator("img")
      .evaluate((image: HTMLImageElement) => [image.naturalWidth, image.naturalHeight]);
    assert.deepEqual(size, [800, 600], "full size");
    await person.page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.ok(await tile.evaluate((element) => element === document.activeElement), "the focus is back");
    await person.leave();
  }
});

test("photos are pasted and dropped, go together, and one turns from one to the next", async () => {
  const [sarah, michael] = await pair(`Album ${crypto.randomUUID()}`);
  await bring(sarah.page, "paste", "pasted.jpg");
  await bring(sarah.page, "drop", "dropped.jpg");
  await choose(sarah.page, photo("unwanted.jpg"), {
    name: "list.txt",
    mimeType: "text/plain",
    buffer: Buffer.from("milk"),
  });
  await sarah.page.getByRole("button", { name: "Remove unwanted.jpg" }).click();
  await sarah.page.getByText("Ready to send").nth(2).waitFor();
  await sarah.page.getByRole("button", { name: "Send" }).click(); // without a word

  // One turns to what is ready.
  await michael.page.getByRole("button", { name: "Open dropped.jpg" }).waitFor();
  await michael.page.getByRole("button", { name: "Open pasted.jpg" }).click();
  await michael.page.getByRole("dialog", { name: "pasted.jpg" }).waitFor();
  await michael.page.keyboard.press("ArrowRight");
  const second = michael.page.getByRole("dialog", { name: "dropped.jpg" });
  await second.getByText("2 of 2").waitFor();
  await loaded(michael.page, ".viewer img", 1);
  await second.getByRole("button", { name: "Close" }).click();
  await michael.page.getByRole("link", { name: "list.txt" }).getByText("4 bytes").waitFor();
  assert.equal(await michael.page.getByText("unwanted.jpg").count(), 0);
  await sarah.leave();
  await michael.leave();
});

test("what cannot be uploaded says why, and can be tried again", async () => {
  const [sarah, michael] = await pair(`Refused ${crypto.randomUUID()}`);
  await choose(sarah.page, {
    name: "film.mov",
    mimeType: "video/quicktime",
    buffer: Buffer.alloc(26 * 1024 * 1024 + 1),
  });
  const film = sarah.page.getByRole("listitem").filter({ hasText: "film.mov" });
  await film.getByRole("alert").waitFor();
  assert.ok(await sarah.page.getByRole("button", { name: "Send" }).isDisabled());
  await film.getByRole("button", { name: "Remove film.mov" }).click();

  let cut = true;
  await sarah.page.route(/X-Amz-Signature/, (route) => {
    if (!cut || route.request().method() !== "PUT") return route.fallback();
    const body = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
    return route.fulfill({
      status: 403,
      headers: { "access-control-allow-origin": "*" },
      contentType: "text/xml",
      body,
    });
  });
  await choose(sarah.page, photo("lake.jpg"));
  const draft = sarah.page.getByRole("listitem").filter({ hasText: "lake.jpg" });
  await draft.getByText("AccessDenied: Request has expired").waitFor();
  cut = false;
  await draft.getByRole("button", { name: "Try again" }).click();
  await draft.getByText("Ready to send").waitFor();
  await sarah.write("Now it is there");
  await michael.page.getByRole("button", { name: "Open lake.jpg" }).waitFor();

  await choose(sarah.page, broken);
  await sarah.page.getByRole("listitem").filter({ hasText: "broken.jpg" }).getByRole("alert").waitFor();
  await sarah.leave();
  await michael.leave();
});

test("a photo that turns out to be none says so where it was sent", async () => {
  const [sarah, michael] = await pair(`Broken ${crypto.randomUUID()}`);
  const upload = await hold(sarah.page);
  await choose(sarah.page, broken);
  await sarah.page.getByText("Ready to send").waitFor();
  await sarah.write("This is none");
  await michael.page.getByRole("img", { name: "broken.jpg, being prepared" }).waitFor();
  await upload(broken.buffer);
  for (const person of [sarah, michael]) {
    await person.message("This is none").getByText("could not be made use of").waitFor();
    await person.leave();
  }
});

test("what is being written stays where it is written, and goes when its writer does", async () => {
  const [sarah, michael] = await pair(`Draft ${crypto.randomUUID()}`);
  const title = (await sarah.page.getByRole("main").getByRole("heading").textContent()) ?? "";
  const other = `Elsewhere ${crypto.randomUUID()}`;
  await newThread(other, "Sarah", "Michael");
  await sarah.comesBack();
  const field = sarah.page.getByRole("textbox", { name: "Message" });
  await field.fill("Half a sentence");
  await choose(sarah.page, photo("lake.jpg"));
  await sarah.openThread(other);
  const drafts = sarah.page.getByRole("list", { name: "Files to send" });
  assert.deepEqual([await field.inputValue(), await drafts.count()], ["", 0]);
  await sarah.openThread(title);
  await drafts.getByText("Ready to send").waitFor();
  assert.equal(await field.inputValue(), "Half a sentence");
  const preview = (await drafts.locator("img").getAttribute("src")) ?? "";

  await sarah.page.getByRole("button", { name: "Sign out" }).click();
  await sarah.signIn();
  await field.waitFor();
  assert.deepEqual([await field.inputValue(), await drafts.count()], ["", 0]);
  const gone = await sarah.page.evaluate(
    (url) =>
      fetch(url)
        .then(() => false)
        .catch(() => true),
    preview,
  );
  assert.ok(gone, "the picture is still in memory");
  sarah.complaints.length = 0; // of that fetch
  await sarah.leave();
  await michael.leave();
});

test("a photo of a refused message comes back with it for editing", async () => {
  const [sarah, michael] = await pair(`Again ${crypto.randomUUID()}`);
  const messages = /\/api\/threads\/[^/]+\/messages$/;
  await sarah.page.route(messages, (route) => {
    if (route.request().method() !== "POST") return route.fallback();
    const json = { type: "about:blank", title: "Bad Request", status: 400, code: "invalid_request", detail: "No." };
    const headers = { "access-control-allow-origin": "*" };
    return route.fulfill({ status: 400, contentType: "application/problem+json", headers, json });
  });
  await choose(sarah.page, photo("lake.jpg"));
  await sarah.page.getByText("Ready to send").waitFor();
  await sarah.write("Refused");
  await sarah.message("Refused").getByRole("button", { name: "Edit" }).click();
  await sarah.page.getByRole("list", { name: "Files to send" }).getByText("lake.jpg").waitFor();
  await loaded(sarah.page, ".draft img", 1);
  await sarah.page.unroute(messages);
  await sarah.write("Edited");
  await michael.message("Edited").getByRole("button", { name: "Open lake.jpg" }).waitFor();
  await sarah.leave();
  await michael.leave();
});

const broken = { name: "broken.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no picture at all") };

/** Holds the bytes of the page's next upload back, so that its message is there first. Gives what sends them. */
async function hold(page: Page): Promise<(bytes: Buffer) => Promise<void>> {
  let upload: { url: string; type: string } | undefined;
  await page.route(/X-Amz-Signature/, async (route) => {
    if (route.request().method() !== "PUT") return route.fallback();
    upload = { url: route.request().url(), type: (await route.request().headerValue("content-type")) ?? "" };
    await route.fulfill({ status: 200, headers: { "access-control-allow-origin": "*" } });
  });
  return async (bytes) => {
    assert.ok(upload, "nothing was uploaded");
    const headers = { "content-type": upload.type };
    const put = await fetch(upload.url, { method: "PUT", headers, body: new Uint8Array(bytes) });
    assert.equal(put.status, 200, await put.text());
  };
}

/** Pastes into the field, or drops onto the conversation, a JPEG. */
async function bring(page: Page, how: "paste" | "drop", name: string): Promise<void> {
  await page.evaluate(
    ([how, name, base64]) => {
      const bytes = Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], name, { type: "image/jpeg" }));
      const init = { bubbles: true, cancelable: true };
      if (how === "paste")
        document
          .querySelector("textarea")
          ?.dispatchEvent(new ClipboardEvent("paste", { ...init, clipboardData: data }));
      else
        for (const type of ["dragover", "drop"])
          document.querySelector(".timeline")?.dispatchEvent(new DragEvent(type, { ...init, dataTransfer: data }));
    },
    [how, name, lake.toString("base64")] as const,
  );
}

/** Waits until so many pictures are there, and not broken. */
async function loaded(page: Page, selector: string, count: number): Promise<void> {
  await page.waitForFunction(
    ([selector, count]) => {
      const images = [...document.querySelectorAll<HTMLImageElement>(selector)];
      return images.filter((image) => image.complete && image.naturalWidth > 0).length === count;
    },
    [selector, count] as const,
  );
}
