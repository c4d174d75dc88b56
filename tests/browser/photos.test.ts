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

/** Creates a conversation with the given title and opens it as Sarah and as Michael. */
async function openForBoth(title: string): Promise<[Person, Person]> {
  await newThread(title, "Sarah", "Michael");
  const people: [Person, Person] = [await Person.signedIn(browser, "Sarah"), await Person.signedIn(browser, "Michael")];
  for (const person of people) await person.openThread(title);
  return people;
}

async function chooseFiles(page: Page, ...files: { name: string; mimeType: string; buffer: Buffer }[]): Promise<void> {
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Add photos or files" }).click();
  await (await chooser).setFiles(files);
}

function photo(name: string) {
  return { name, mimeType: "image/jpeg", buffer: lake };
}

test("a photo is shown as placeholder, then as thumbnail, and opens in full size", async () => {
  const [sarah, michael] = await openForBoth(`Photo ${crypto.randomUUID()}`);
  const upload = await holdUpload(sarah.page);
  await chooseFiles(sarah.page, photo("lake.jpg"));
  await sarah.page.getByText("Ready to send").waitFor();
  await sarah.send("Look what the lake did this morning.");

  await michael.waitForMessage("Look what the lake did this morning.");
  await michael.page.getByRole("img", { name: "lake.jpg, being prepared" }).waitFor();
  const own = sarah.page.getByRole("img", { name: "lake.jpg, being prepared" }).locator("img");
  assert.match((await own.getAttribute("src")) ?? "", /^blob:/, "the sender must see the photo before it is ready");

  await upload(lake);
  for (const person of [michael, sarah]) {
    const tile = person.page.getByRole("button", { name: "Open lake.jpg" });
    await tile.waitFor();
    await waitForImages(person.page, ".photo img", 1);
    assert.match((await tile.locator("img").getAttribute("src")) ?? "", /\/thumbs\//);
    await tile.click();
    const dialog = person.page.getByRole("dialog", { name: "lake.jpg" });
    await dialog.getByRole("img", { name: "lake.jpg" }).waitFor();
    await waitForImages(person.page, ".viewer img", 1);
    const size = await dialog
      .locator("img")
      .evaluate((image: HTMLImageElement) => [image.naturalWidth, image.naturalHeight]);
    assert.deepEqual(size, [800, 600], "full size");
    await person.page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    const focused = await tile.evaluate((element) => element === document.activeElement);
    assert.ok(focused, "the focus must return to the thumbnail");
    await person.close();
  }
});

test("pasted, dropped and chosen files are sent in one message, and the viewer goes through its photos", async () => {
  const [sarah, michael] = await openForBoth(`Album ${crypto.randomUUID()}`);
  await pasteOrDrop(sarah.page, "paste", "pasted.jpg");
  await pasteOrDrop(sarah.page, "drop", "dropped.jpg");
  await chooseFiles(sarah.page, photo("unwanted.jpg"), {
    name: "list.txt",
    mimeType: "text/plain",
    buffer: Buffer.from("milk"),
  });
  await sarah.page.getByRole("button", { name: "Remove unwanted.jpg" }).click();
  await sarah.page.getByText("Ready to send").nth(2).waitFor();
  await sarah.page.getByRole("button", { name: "Send" }).click(); // a message without text

  // The viewer shows only ready photos, so the test waits until both photos are ready.
  await michael.page.getByRole("button", { name: "Open dropped.jpg" }).waitFor();
  await michael.page.getByRole("button", { name: "Open pasted.jpg" }).click();
  await michael.page.getByRole("dialog", { name: "pasted.jpg" }).waitFor();
  await michael.page.keyboard.press("ArrowRight");
  const second = michael.page.getByRole("dialog", { name: "dropped.jpg" });
  await second.getByText("2 of 2").waitFor();
  await waitForImages(michael.page, ".viewer img", 1);
  await second.getByRole("button", { name: "Close" }).click();
  await michael.page.getByRole("link", { name: "list.txt" }).getByText("4 bytes").waitFor();
  assert.equal(await michael.page.getByText("unwanted.jpg").count(), 0);
  await sarah.close();
  await michael.close();
});

test("a failed upload shows the reason and can be retried", async () => {
  const [sarah, michael] = await openForBoth(`Refused ${crypto.randomUUID()}`);
  await chooseFiles(sarah.page, {
    name: "film.mov",
    mimeType: "video/quicktime",
    buffer: Buffer.alloc(26 * 1024 * 1024 + 1),
  });
  const film = sarah.page.getByRole("listitem").filter({ hasText: "film.mov" });
  await film.getByRole("alert").waitFor();
  assert.ok(await sarah.page.getByRole("button", { name: "Send" }).isDisabled());
  await film.getByRole("button", { name: "Remove film.mov" }).click();

  let refuse = true;
  await sarah.page.route(/X-Amz-Signature/, (route) => {
    if (!refuse || route.request().method() !== "PUT") return route.fallback();
    const body = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
    return route.fulfill({
      status: 403,
      headers: { "access-control-allow-origin": "*" },
      contentType: "text/xml",
      body,
    });
  });
  await chooseFiles(sarah.page, photo("lake.jpg"));
  const draft = sarah.page.getByRole("listitem").filter({ hasText: "lake.jpg" });
  await draft.getByText("AccessDenied: Request has expired").waitFor();
  refuse = false;
  await draft.getByRole("button", { name: "Try again" }).click();
  await draft.getByText("Ready to send").waitFor();
  await sarah.send("Now it is there");
  await michael.page.getByRole("button", { name: "Open lake.jpg" }).waitFor();

  await chooseFiles(sarah.page, broken);
  await sarah.page.getByRole("listitem").filter({ hasText: "broken.jpg" }).getByRole("alert").waitFor();
  await sarah.close();
  await michael.close();
});

test("a photo that cannot be processed is shown as failed in its message", async () => {
  const [sarah, michael] = await openForBoth(`Broken ${crypto.randomUUID()}`);
  const upload = await holdUpload(sarah.page);
  await chooseFiles(sarah.page, broken);
  await sarah.page.getByText("Ready to send").waitFor();
  await sarah.send("Not a photo");
  await michael.page.getByRole("img", { name: "broken.jpg, being prepared" }).waitFor();
  await upload(broken.buffer);
  for (const person of [sarah, michael]) {
    await person.message("Not a photo").getByText("could not be processed").waitFor();
    await person.close();
  }
});

test("a draft stays in its conversation and is deleted at sign-out", async () => {
  const [sarah, michael] = await openForBoth(`Draft ${crypto.randomUUID()}`);
  const title = (await sarah.page.getByRole("main").getByRole("heading").textContent()) ?? "";
  const other = `Elsewhere ${crypto.randomUUID()}`;
  await newThread(other, "Sarah", "Michael");
  const field = sarah.page.getByRole("textbox", { name: "Message" });
  await field.fill("Half a sentence");
  await chooseFiles(sarah.page, photo("lake.jpg"));
  await sarah.openThread(other);
  const drafts = sarah.page.getByRole("list", { name: "Files to send" });
  assert.deepEqual([await field.inputValue(), await drafts.count()], ["", 0]);
  await sarah.openThread(title);
  await drafts.getByText("Ready to send").waitFor();
  assert.equal(await field.inputValue(), "Half a sentence");
  const preview = (await drafts.locator("img").getAttribute("src")) ?? "";

  await sarah.page.getByRole("button", { name: "Sign out" }).click();
  await sarah.page.getByRole("button", { name: "Discard and sign out" }).click();
  await sarah.signIn();
  await field.waitFor();
  assert.deepEqual([await field.inputValue(), await drafts.count()], ["", 0]);
  // Checks with an image whether the blob URL is revoked, because the page's policy allows blob URLs only for images.
  const revoked = await sarah.page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const image = Object.assign(new Image(), { onload: () => resolve(false), onerror: () => resolve(true) });
        image.src = url;
      }),
    preview,
  );
  assert.ok(revoked, "the blob URL of the preview must be revoked");
  await sarah.close();
  await michael.close();
});

test("editing a refused message restores its photo in the composer", async () => {
  const [sarah, michael] = await openForBoth(`Again ${crypto.randomUUID()}`);
  const messages = /\/api\/threads\/[^/]+\/messages$/;
  await sarah.page.route(messages, (route) => {
    if (route.request().method() !== "POST") return route.fallback();
    const json = { type: "about:blank", title: "Bad Request", status: 400, code: "invalid_request", detail: "No." };
    const headers = { "access-control-allow-origin": "*" };
    return route.fulfill({ status: 400, contentType: "application/problem+json", headers, json });
  });
  await chooseFiles(sarah.page, photo("lake.jpg"));
  await sarah.page.getByText("Ready to send").waitFor();
  await sarah.send("Refused");
  await sarah.message("Refused").getByRole("button", { name: "Edit" }).click();
  await sarah.page.getByRole("button", { name: "Remove lake.jpg" }).waitFor();
  await waitForImages(sarah.page, ".draft img", 1);
  await sarah.page.unroute(messages);
  await sarah.send("Edited");
  await michael.message("Edited").getByRole("button", { name: "Open lake.jpg" }).waitFor();
  await sarah.close();
  await michael.close();
});

const broken = { name: "broken.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no picture at all") };

/**
 * Simulates the page's uploads: the page gets a success response, but no bytes reach the storage. So a test can send a
 * message while its file is pending. Returns a function that uploads the given bytes for the last file.
 */
async function holdUpload(page: Page): Promise<(bytes: Buffer) => Promise<void>> {
  let upload: { url: string; type: string } | undefined;
  await page.route(/X-Amz-Signature/, async (route) => {
    if (route.request().method() !== "PUT") return route.fallback();
    upload = { url: route.request().url(), type: (await route.request().headerValue("content-type")) ?? "" };
    await route.fulfill({ status: 200, headers: { "access-control-allow-origin": "*" } });
  });
  return async (bytes) => {
    assert.ok(upload, "the page has not started an upload");
    const headers = { "content-type": upload.type };
    const put = await fetch(upload.url, { method: "PUT", headers, body: new Uint8Array(bytes) });
    assert.equal(put.status, 200, await put.text());
  };
}

/** Pastes a JPEG into the message field, or drops it onto the conversation. */
async function pasteOrDrop(page: Page, how: "paste" | "drop", name: string): Promise<void> {
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

/** Waits until exactly `count` images that match the selector are loaded and valid. */
async function waitForImages(page: Page, selector: string, count: number): Promise<void> {
  await page.waitForFunction(
    ([selector, count]) => {
      const images = [...document.querySelectorAll<HTMLImageElement>(selector)];
      return images.filter((image) => image.complete && image.naturalWidth > 0).length === count;
    },
    [selector, count] as const,
  );
}
