import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { knownUser, launch, newThread, Person, sendMessage } from "./browser.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("two people start a conversation and both receive all messages in order", async () => {
  const title = `Dinner ${crypto.randomUUID()}`;
  const sarah = await Person.signedIn(browser, "Sarah");
  const michael = await Person.signedIn(browser, "Michael");

  await sarah.page.getByRole("button", { name: "New conversation" }).click();
  const dialog = sarah.page.getByRole("dialog");
  await dialog.getByLabel("Michael").check();
  await dialog.getByLabel("Add someone by ID").fill(await knownUser());
  await dialog.getByRole("button", { name: "Add" }).click();
  await dialog.getByLabel("Title").fill(title);
  await dialog.getByRole("button", { name: "Start" }).click();
  await sarah.page.getByRole("heading", { name: title }).waitFor();

  await michael.returnToTab();
  await michael.openThread(title);
  await sarah.send("Dinner at 6?");
  await michael.waitForMessage("Dinner at 6?");
  await michael.send("I will set the table.");
  await michael.send("And bring dessert.");
  await sarah.waitForMessage("And bring dessert.");
  const expected = ["Dinner at 6?", "I will set the table.", "And bring dessert."];
  assert.deepEqual(await sarah.messageTexts(), expected);
  assert.deepEqual(await michael.messageTexts(), expected);
  await sarah.close();
  await michael.close();
});

test("new messages are announced and count as unread until their conversation is opened", async () => {
  const title = `Unread ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await sendMessage("Sarah", thread, "From before this browser");
  const michael = await Person.signedIn(browser, "Michael");
  await michael.waitForConnection("Live");
  await michael.threadLink(title).waitFor();
  assert.equal(await michael.threadLink(title).locator(".unread").count(), 0);

  await sendMessage("Sarah", thread, "Are you there?");
  await sendMessage("Sarah", thread, "Hello?");
  await michael.threadLink(title).getByText("2 unread").waitFor();
  await michael.threadLink(title).getByText("Hello?").waitFor();
  await michael.page.getByRole("log", { name: "New messages" }).getByText(`in ${title}: Hello?`).waitFor();
  await michael.page.waitForFunction(() => /^\(\d+\) Hearth$/.test(document.title));
  await sendMessage("Sarah", thread, "Hello?");
  const announcements = michael.page.getByRole("log", { name: "New messages" }).getByText(`in ${title}: Hello?`);
  await announcements.nth(1).waitFor();

  await michael.openThread(title);
  await michael.waitForMessage("Hello?");
  await michael.threadLink(title).locator(".unread").waitFor({ state: "detached" });
  await michael.page.reload();
  await michael.waitForMessage("Hello?");
  assert.equal(await michael.threadLink(title).locator(".unread").count(), 0);
  await michael.close();
});

test("scrolling up loads each older message once and keeps the scroll position", async () => {
  const thread = await newThread(`Long ${crypto.randomUUID()}`, "Sarah", "Michael");
  const sent = Array.from({ length: 70 }, (_, index) => `Message ${index + 1}.`);
  for (const body of sent) await sendMessage("Sarah", thread, body);
  const michael = await Person.signedIn(browser, "Michael");
  await michael.page.evaluate((id) => location.assign(`#/${id}`), thread);
  await michael.waitForMessage("Message 70.");
  const scroller = michael.page.getByRole("region", { name: "Messages" });
  const shown = michael.page.locator("li.message");

  const before = await shown.count();
  assert.ok(before < sent.length, "the page must not load all messages at once");
  await scroller.evaluate((element) => {
    element.scrollTop = 0;
  });
  // The oldest loaded message keeps its position while older messages are added above it.
  const position = () =>
    michael
      .message(`Message ${sent.length - before + 1}.`)
      .locator(".bubble")
      .evaluate((bubble) => bubble.getBoundingClientRect().top);
  const expected = await position();
  await michael.page.waitForFunction((before) => document.querySelectorAll("li.message").length > before, before);
  const actual = await position();
  assert.ok(Math.abs(actual - expected) < 2, `the message moved from ${expected} to ${actual}`);

  while ((await shown.count()) < sent.length) {
    const count = await shown.count();
    await scroller.evaluate((element) => {
      element.scrollTop = 0;
    });
    await michael.page.waitForFunction((count) => document.querySelectorAll("li.message").length > count, count);
  }
  await michael.page.getByText("This is the beginning of the conversation.").waitFor();
  assert.deepEqual(await michael.messageTexts(), sent);
  await michael.page.getByRole("button", { name: "Go to the newest message" }).click();
  await michael.message("Message 70.").waitFor();
  await michael.close();
});

test("a long list of conversations is loaded page by page, and older pages do not count as new", async () => {
  const titles = Array.from({ length: 4 }, (_, index) => `Page ${index} ${crypto.randomUUID()}`);
  for (const title of titles) await sendMessage("Dad", await newThread(title, "Michael", "Dad"), "From before");
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
    while (!(await michael.threadLink(title).isVisible())) {
      await michael.page.getByRole("button", { name: "Show more" }).click();
      await michael.page.locator(".more button:disabled").waitFor({ state: "detached" });
    }
    assert.equal(await michael.threadLink(title).locator(".unread").count(), 0, "an older page must not be unread");
  }
  assert.equal(await michael.page.getByRole("log", { name: "New messages" }).getByText("From before").count(), 0);
  await michael.close();
});

test("an unknown conversation and one of other people show the same message", async () => {
  const secret = await newThread(`Secret ${crypto.randomUUID()}`, "Sarah", "Michael");
  const dad = await Person.signedIn(browser, "Dad");
  for (const id of ["thread_none", secret, "%"]) {
    await dad.page.evaluate((id) => location.assign(`#/${id}`), id);
    await dad.page.getByText("This conversation does not exist, or you are not a member of it.").waitFor();
  }
  await dad.close();
});
