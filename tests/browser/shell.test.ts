import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Browser, devices } from "playwright-core";
import { idOf, launch, newThread, Person, sendMessage } from "./browser.ts";
import { drawLake } from "./photo.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("a user without conversations sees people to write to, and no technical terms", async () => {
  for (const options of [{}, devices["Pixel 7"]]) {
    const { defaultBrowserType: _, ...device } = (options ?? assert.fail()) as (typeof devices)[string];
    const person = await Person.open(browser, "Sarah", device);
    await person.page.route(/\/api\/threads\?/, (route) =>
      route.fulfill({
        headers: { "access-control-allow-origin": "*" },
        json: { threads: [], nextCursor: null },
      }),
    );
    await person.signIn();
    await person.waitForConnection("Live");
    await person.page.getByText("No conversations yet.").waitFor();
    for (const internal of ["Live", "Offline", idOf("Sarah")]) {
      assert.equal(await person.page.getByText(internal, { exact: true }).count(), 0, internal);
    }
    assert.equal((await person.page.locator(".connection").boundingBox())?.height, 0);
    await person.page.getByRole("button", { name: "Write to Michael" }).click();
    await person.page.getByRole("heading", { name: "Michael" }).waitFor();
    await person.close();
  }
});

test("while a phone is offline, a bar says so, and the names keep their width", async () => {
  const title = `Grandmother's birthday ${crypto.randomUUID().slice(0, 8)}`;
  await newThread(title, "Sarah", "Michael");
  const { defaultBrowserType: _, ...phone } = devices["Pixel 7"] ?? assert.fail();
  const person = await Person.signedIn(browser, "Sarah", phone);
  await person.openThread(title);
  await person.waitForConnection("Live");
  const heading = person.page.getByRole("heading", { name: title });
  const before = await heading.boundingBox();
  await person.page.context().setOffline(true);
  await person.waitForConnection("Offline");
  const bar = (await person.page.locator(".connection").boundingBox()) ?? assert.fail();
  assert.ok(bar.height > 10 && bar.height < 40, `${bar.height} px`);
  const after = await heading.boundingBox();
  assert.equal(after?.width, before?.width);
  await person.page.context().setOffline(false);
  await person.waitForConnection("Live");
  assert.equal((await person.page.locator(".connection").boundingBox())?.height, 0);
  await person.page.getByRole("status").getByText("Connected again").waitFor({ state: "attached" });
  await person.close();
});

test("forced colours show the open conversation, avatars and the connection's state", async () => {
  const titles = [`Forced ${crypto.randomUUID()}`, `Colours ${crypto.randomUUID()}`];
  for (const title of titles) await newThread(title, "Sarah", "Michael");
  const person = await Person.signedIn(browser, "Sarah", { forcedColors: "active" });
  const [open = "", other = ""] = titles;
  await person.openThread(open);
  const outline = (title: string) => person.threadLink(title).evaluate((link) => getComputedStyle(link).outlineStyle);
  assert.deepEqual([await outline(open), await outline(other)], ["solid", "none"]);
  const avatar = person.page.locator(".me .avatar");
  assert.notEqual(await avatar.evaluate((element) => getComputedStyle(element).borderTopWidth), "0px");
  await person.page.context().setOffline(true);
  await person.waitForConnection("Offline");
  const bar = person.page.locator(".connection");
  assert.notEqual(await bar.evaluate((element) => getComputedStyle(element).borderBottomWidth), "0px");
  await person.page.context().setOffline(false);
  await person.close();
});

test("the header leads to the members, and to the photos and files of the conversation", async () => {
  const title = `Gallery ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael", "Dad");
  const person = await Person.signedIn(browser, "Sarah");
  const { page } = person;
  await person.openThread(title);
  await page.locator("input[type=file]").setInputFiles([
    { name: "lake.jpg", mimeType: "image/jpeg", buffer: await drawLake(page, 400, 300) },
    { name: "recipe.txt", mimeType: "text/plain", buffer: Buffer.from("Soup") },
  ]);
  await page.getByText("Ready to send").nth(1).waitFor();
  await person.send("The lake, and a recipe");
  await page.getByRole("button", { name: "Open lake.jpg" }).waitFor();
  // After a reload, the page loads the newest 50 messages. The photo and the recipe are in an older one.
  for (let index = 0; index < 51; index += 1) await sendMessage("Michael", thread, `Message ${index}`);
  await page.reload();
  await page.getByRole("button", { name: title }).click();
  const details = page.getByRole("dialog", { name: "About this conversation" });
  const members = await details.locator(".members li").allInnerTexts();
  assert.deepEqual(
    members.slice(0, 3).map((text) => text.split("\n").at(-1)),
    ["Sarah (you)", "Michael", "Dad"],
  );
  await details.getByRole("button", { name: "Photos and files" }).click();
  const gallery = page.getByRole("dialog", { name: "Photos and files" });
  const photo = gallery.getByRole("button", { name: /^Open lake\.jpg, from Sarah/ });
  await photo.locator("img").evaluate((image: HTMLImageElement) => image.decode());
  await photo.click();
  await page.getByRole("dialog", { name: "lake.jpg" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog", { name: "lake.jpg" }).waitFor({ state: "detached" });
  assert.ok(await photo.evaluate((element) => element === document.activeElement));
  await gallery.getByRole("radio", { name: "Files (1)" }).check();
  await gallery.getByRole("link", { name: /recipe\.txt/ }).waitFor();
  await page.keyboard.press("Escape");
  await gallery.waitFor({ state: "detached" });
  await page.getByRole("heading", { name: title }).waitFor();
  await person.close();
});

test("a dialog that cannot be loaded says so, and the page goes on", async () => {
  // A service worker would serve the file from its cache, so the browser has none.
  const person = await Person.open(browser, "Sarah", { serviceWorkers: "block" });
  await person.page.route(/\/assets\/new-conversation/, (route) => route.abort("internetdisconnected"));
  await person.signIn();
  await person.page.getByRole("button", { name: "New conversation" }).click();
  const alert = person.page.getByRole("alert").getByText("could not be loaded");
  await alert.waitFor();
  await person.page.getByRole("button", { name: "Close" }).click();
  await alert.waitFor({ state: "detached" });
  await person.page.getByRole("button", { name: "Your account" }).click();
  await person.page.getByRole("dialog").waitFor();
  await person.close();
});
