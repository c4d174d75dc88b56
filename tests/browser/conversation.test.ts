import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch, newThread, Person, say } from "./browser.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("two people begin a conversation and write both ways", async () => {
  const title = `Dinner ${crypto.randomUUID()}`;
  const sarah = await Person.enter(browser, "Sarah");
  const michael = await Person.enter(browser, "Michael");

  await sarah.page.getByRole("button", { name: "New conversation" }).click();
  const dialog = sarah.page.getByRole("dialog");
  await dialog.getByLabel("Michael").check();
  await dialog.getByLabel("Someone else, by their id").fill(`guest-${crypto.randomUUID()}`);
  await dialog.getByRole("button", { name: "Add" }).click();
  await dialog.getByLabel("Title").fill(title);
  await dialog.getByRole("button", { name: "Start" }).click();
  await sarah.page.getByRole("heading", { name: title }).waitFor();

  await michael.comesBack();
  await michael.openThread(title);
  await sarah.write("Dinner at 6?");
  await michael.sees("Dinner at 6?");
  await michael.write("I will set the table.");
  await michael.write("And bring dessert.");
  await sarah.sees("And bring dessert.");
  const said = ["Dinner at 6?", "I will set the table.", "And bring dessert."];
  assert.deepEqual(await sarah.texts(), said);
  assert.deepEqual(await michael.texts(), said);
  await sarah.leave();
  await michael.leave();
});

test("what is not open counts as unread, is read out, and is read once it is open", async () => {
  const title = `Unread ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await say("Sarah", thread, "From before this browser");
  const michael = await Person.enter(browser, "Michael");
  await michael.connection("Live");
  await michael.item(title).waitFor();
  assert.equal(await michael.item(title).locator(".unread").count(), 0);

  await say("Sarah", thread, "Are you there?");
  await say("Sarah", thread, "Hello?");
  await michael.item(title).getByText("2 unread").waitFor();
  await michael.item(title).getByText("Hello?").waitFor();
  await michael.page.getByRole("log", { name: "New messages" }).getByText(`in ${title}: Hello?`).waitFor();
  await michael.page.waitForFunction(() => /^\(\d+\) Hearth$/.test(document.title));
  await say("Sarah", thread, "Hello?");
  const read = michael.page.getByRole("log", { name: "New messages" }).getByText(`in ${title}: Hello?`);
  await read.nth(1).waitFor();

  await michael.openThread(title);
  await michael.sees("Hello?");
  await michael.item(title).locator(".unread").waitFor({ state: "detached" });
  await michael.page.reload();
  await michael.sees("Hello?");
  assert.equal(await michael.item(title).locator(".unread").count(), 0);
  await michael.leave();
});

test("older messages come as one scrolls up, each once, and the place is kept", async () => {
  const thread = await newThread(`Long ${crypto.randomUUID()}`, "Sarah", "Michael");
  const said = Array.from({ length: 70 }, (_, index) => `Message ${index + 1}.`);
  for (const body of said) await say("Sarah", thread, body);
  const michael = await Person.enter(browser, "Michael");
  await michael.page.evaluate((id) => location.assign(`#/${id}`), thread);
  await michael.sees("Message 70.");
  const scroller = michael.page.getByRole("region", { name: "Messages" });
  const shown = michael.page.locator("li.message");

  const before = await shown.count();
  assert.ok(before < said.length, "all of it is there already");
  await scroller.evaluate((element) => {
    element.scrollTop = 0;
  });
  // Whatever was at the top stays where it is while others come above it.
  const place = () =>
    michael
      .message(`Message ${said.length - before + 1}.`)
      .locator(".bubble")
      .evaluate((bubble) => bubble.getBoundingClientRect().top);
  const there = await place();
  await michael.page.waitForFunction((before) => document.querySelectorAll("li.message").length > before, before);
  assert.ok(Math.abs((await place()) - there) < 2, `moved from ${there} to ${await place()}`);

  while ((await shown.count()) < said.length) {
    const count = await shown.count();
    await scroller.evaluate((element) => {
      element.scrollTop = 0;
    });
    await michael.page.waitForFunction((count) => document.querySelectorAll("li.message").length > count, count);
  }
  await michael.page.getByText("This is where the conversation begins.").waitFor();
  assert.deepEqual(await michael.texts(), said);
  await michael.page.getByRole("button", { name: "To the newest message" }).click();
  await michael.message("Message 70.").waitFor();
  await michael.leave();
});

test("a long list of conversations is shown page by page", async () => {
  const titles = Array.from({ length: 4 }, (_, index) => `Page ${index} ${crypto.randomUUID()}`);
  for (const title of titles) await say("Dad", await newThread(title, "Michael", "Dad"), "From before");
  const michael = await Person.open(browser, "Michael");
  await michael.page.route(/\/api\/threads(\?|$)/, (route) => {
    const url = new URL(route.request().url());
    url.searchParams.set("limit", "2");
    return route.fallback({ url: url.href });
  });
  await michael.signIn();
  await michael.page.getByRole("button", { name: "Show more" }).waitFor();
  assert.equal(await michael.page.locator(".threads a").count(), 2);
  for (const title of titles.reverse()) {
    while (!(await michael.item(title).isVisible())) {
      await michael.page.getByRole("button", { name: "Show more" }).click();
      await michael.page.locator(".more button:disabled").waitFor({ state: "detached" });
    }
    assert.equal(await michael.item(title).locator(".unread").count(), 0, "an older page is no news");
  }
  assert.equal(await michael.page.getByRole("log", { name: "New messages" }).getByText("From before").count(), 0);
  await michael.leave();
});

test("a conversation that does not exist, or is not one's own, says so", async () => {
  const secret = await newThread(`Secret ${crypto.randomUUID()}`, "Sarah", "Michael");
  const dad = await Person.enter(browser, "Dad");
  for (const id of ["thread_none", secret, "%"]) {
    await dad.page.evaluate((id) => location.assign(`#/${id}`), id);
    await dad.page.getByText("This conversation does not exist, or you are not part of it.").waitFor();
  }
  await dad.leave();
});
