import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { idOf, launch, newThread, Person, stack } from "./browser.ts";
import { drawLake } from "./photo.ts";

const CORS = { "access-control-allow-origin": "*" };

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("a picture is added, shown wherever its person is, and removed", async () => {
  const title = `Picture ${crypto.randomUUID()}`;
  await newThread(title, "Sarah", "Michael");
  const person = await Person.signedIn(browser, "Sarah");
  const { page } = person;
  const { changes } = await withPictures(person);
  await page.getByRole("button", { name: "Your account" }).click();
  const dialog = page.getByRole("dialog", { name: "Your account" });
  assert.equal(await dialog.getByText(idOf("Sarah")).count(), 0);
  await dialog
    .locator("input[type=file]")
    .setInputFiles({ name: "soup.txt", mimeType: "text/plain", buffer: Buffer.from("Soup") });
  await dialog
    .getByRole("alert")
    .getByText("The picture could not be changed. A picture has to be an image.")
    .waitFor();
  const lake = { name: "lake.png", mimeType: "image/jpeg", buffer: await drawLake(page, 200, 200) };
  await dialog.locator("input[type=file]").setInputFiles(lake);
  await dialog.getByText("Your picture was changed.").waitFor();
  assert.match(changes.at(-1) ?? "", /^file_/);
  const picture = page.locator(".me .avatar img");
  await picture.evaluate((image: HTMLImageElement) => image.decode());
  await dialog.getByRole("button", { name: "Remove picture" }).click();
  await dialog.getByText("Your picture was removed.").waitFor();
  assert.equal(await picture.count(), 0);
  assert.equal(changes.at(-1), null);
  assert.ok(
    await dialog.getByRole("button", { name: "Add a picture" }).evaluate((button) => button === document.activeElement),
  );
  await person.close();
});

test("a picture that cannot be loaded is replaced by initials", async () => {
  const person = await Person.open(browser, "Sarah");
  await person.page.route(/\/api\/people/, (route) =>
    route.fulfill({
      headers: CORS,
      json: { people: [{ id: idOf("Sarah"), name: "Sarah", avatarUrl: "/thumbs/gone.jpg?c=x" }], nextCursor: null },
    }),
  );
  const requested = person.page.waitForRequest(/gone\.jpg/);
  await person.signIn();
  await requested;
  await person.page.locator(".me .avatar", { hasText: "S" }).waitFor();
  await person.close();
});

test("the account tells what the device keeps, and deletes drafts", async () => {
  const title = `Storage ${crypto.randomUUID()}`;
  await newThread(title, "Sarah", "Michael");
  const person = await Person.signedIn(browser, "Sarah");
  const { page } = person;
  await person.openThread(title);
  await person.field.fill("A secret plan");
  await page.getByRole("button", { name: "Your account" }).click();
  const dialog = page.getByRole("dialog", { name: "Your account" });
  await dialog.getByText(/The browser keeps your sign-in, the page itself \(.*\), 1 draft\./).waitFor();
  await dialog.getByRole("button", { name: "Delete the drafts" }).click();
  await dialog.getByText(/The browser keeps your sign-in, the page itself \(.*\)\. Signing out/).waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await person.field.inputValue(), "");
  await page.reload();
  await person.field.waitFor();
  assert.equal(await person.field.inputValue(), "");
  assert.doesNotMatch(await storage(page), /A secret plan/);
  await page.getByRole("button", { name: "Your account" }).click();
  await dialog.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  await person.close();
});

/**
 * Answers as a server with profile pictures does, and refuses the first picture. Returns a list that grows with each
 * change: the ID of the new picture's file, or null if the picture was refused or removed.
 */
async function withPictures({ page }: Person): Promise<{ changes: (string | null)[] }> {
  const changes: (string | null)[] = [];
  await page.route(/\/api\/me$/, (route) => {
    const content = route.request().postDataJSON() as { avatarFileId?: string | null } | null;
    if (content?.avatarFileId === undefined) return route.fallback();
    if (content.avatarFileId !== null && changes.length === 0) {
      changes.push(null);
      const errors = [{ field: "avatarFileId", message: "A picture has to be an image." }];
      const problem = { type: "about:blank", title: "Invalid", status: 422, code: "invalid_request", requestId: "r" };
      return route.fulfill({ status: 422, headers: CORS, json: { ...problem, detail: "Invalid.", errors } });
    }
    changes.push(content.avatarFileId);
    return route.fulfill({ headers: CORS, json: { id: idOf("Sarah"), name: "Sarah", receipts: true } });
  });
  await page.route(/\/api\/people/, (route) => {
    const avatarUrl = changes.at(-1) ? { avatarUrl: `${stack.pageUrl}/icons/icon-192.png` } : {};
    return route.fulfill({
      headers: CORS,
      json: { people: [{ id: idOf("Sarah"), name: "Sarah", ...avatarUrl }], nextCursor: null },
    });
  });
  return { changes };
}

function storage(page: Page): Promise<string> {
  return page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
}
