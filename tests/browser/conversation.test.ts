import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { idOf, knownUser, launch, markRead, newThread, Person, sendMessage } from "./browser.ts";

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
  await dialog.getByRole("checkbox", { name: "Michael" }).check();
  await sarah.addById(await knownUser());
  await dialog.getByLabel("Title").fill(title);
  await dialog.getByRole("button", { name: "Start" }).click();
  await sarah.page.getByRole("heading", { name: title }).waitFor();

  await michael.openThread(title); // the conversation has appeared in his list
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

test("new messages in other conversations are announced, also repeated ones", async () => {
  const title = `Announced ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await sendMessage("Sarah", thread, "From before this browser");
  const michael = await Person.signedIn(browser, "Michael");
  await michael.waitForConnection("Live");
  await michael.threadLink(title).waitFor();
  const log = michael.page.getByRole("log", { name: "New messages" });
  for (let repetition = 0; repetition < 2; repetition += 1) {
    await sendMessage("Sarah", thread, "Hello?");
    await log.getByText(`in ${title}: Hello?`).nth(repetition).waitFor();
    // The page announces only the first message of 5 seconds. Its clock moves on, so that the next message is
    // announced.
    await michael.page.evaluate(() => {
      const later = Date.now() + 5_000;
      Date.now = () => later;
    });
  }
  await michael.threadLink(title).getByText("Hello?").waitFor();
  assert.equal(await log.getByText("From before this browser").count(), 0);
  await michael.close();
});

test("scrolling up loads each older message once and keeps the scroll position", async () => {
  const thread = await newThread(`Long ${crypto.randomUUID()}`, "Sarah", "Michael");
  const sent = Array.from({ length: 70 }, (_, index) => `Message ${index + 1}.`);
  for (const body of sent) await sendMessage("Sarah", thread, body);
  await markRead("Michael", thread, sent.length); // otherwise the page loads all unread messages
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

test("a long list of conversations shows 100 of them, and more on request", async () => {
  const michael = await Person.open(browser, "Michael");
  const threads = Array.from({ length: 130 }, (_, index) => summary(`Page ${index + 1}.`, 130 - index));
  await michael.page.route(/\/api\/threads(\?|$)/, (route) => {
    const url = new URL(route.request().url());
    const start = Number(url.searchParams.get("cursor") ?? 0);
    const end = start + Number(url.searchParams.get("limit"));
    const page = { threads: threads.slice(start, end), nextCursor: end < threads.length ? String(end) : null };
    return route.fulfill({ headers: { "access-control-allow-origin": "*" }, json: page });
  });
  await michael.signIn();
  const links = michael.page.locator(".threads a", { hasText: "Page" });
  await links.nth(99).waitFor();
  assert.equal(await links.count(), 100);
  await michael.page.getByRole("button", { name: "Show more" }).click();
  await michael.threadLink("Page 130.").waitFor();
  assert.equal(await links.count(), 130);
  assert.equal(await michael.page.getByRole("log", { name: "New messages" }).textContent(), "");
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

/** Returns a thread as the API lists it, with one read message at the given minute. */
function summary(title: string, minute: number) {
  const id = `thread_${title.replace(/\W/g, "")}`;
  const time = new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
  const author = { id: idOf("Dad"), name: "Dad" };
  const lastMessage = { id: `msg_${id}`, threadId: id, seq: 1, body: "Old", author, attachments: [], createdAt: time };
  const members = { memberIds: [idOf("Michael"), idOf("Dad")], memberNames: ["Michael", "Dad"] };
  const own = { readSeq: 1, unreadCount: 0, archived: false, mutedUntil: null };
  return { id, title, ...members, createdAt: time, updatedAt: time, lastSeq: 1, lastMessage, ...own };
}
