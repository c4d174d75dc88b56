import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launch, markAllRead, markRead, newThread, Person, sendMessage, stack, waitUntil } from "./browser.ts";
import { fill } from "./many-messages.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("two devices of a person show the same unread messages, also in the title and the icon", async () => {
  const title = `Devices ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await markAllRead("Michael");
  const [laptop, tablet] = [await Person.signedIn(browser, "Michael"), await Person.signedIn(browser, "Michael")];
  for (const device of [laptop, tablet]) {
    await device.threadLink(title).waitFor();
    await device.waitForConnection("Live");
    assert.deepEqual(await badge(device.page), { title: "Hearth", icon: "favicon.svg" });
  }
  await sendMessage("Sarah", thread, "Are you there?");
  await sendMessage("Sarah", thread, "Hello?");
  for (const device of [laptop, tablet]) {
    await device.waitForUnread(title, 2);
    await waitUntil("the title has the number", async () => (await badge(device.page)).title === "(2) Hearth");
    const { icon } = await badge(device.page);
    assert.equal(icon, "favicon-unread.svg");
    assert.match((await fetch(`${stack.pageUrl}/${icon}`)).headers.get("content-type") ?? "", /svg/);
  }

  await laptop.openThread(title);
  for (const device of [laptop, tablet]) {
    await device.waitForUnread(title, 0);
    await waitUntil("nothing is unread", async () => (await badge(device.page)).title === "Hearth");
  }
  // The server stores the read mark, so nothing is unread after a reload on either device.
  await laptop.page.reload();
  await laptop.waitForMessage("Hello?");
  assert.equal(await laptop.unread(title), 0);
  await tablet.page.reload();
  await tablet.threadLink(title).waitFor();
  assert.equal(await tablet.unread(title), 0);

  // The messages that a person has sent on one device are read on the other one.
  await laptop.send("I am here.");
  await tablet.threadLink(title).getByText("You: I am here.").waitFor();
  assert.equal(await tablet.unread(title), 0);
  await laptop.close();
  await tablet.close();
});

test("a new conversation and its messages appear on the other's page without a reload", async () => {
  const michael = await Person.signedIn(browser, "Michael");
  await michael.waitForConnection("Live");
  const title = `Appears ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await michael.threadLink(title).getByText("No messages yet").waitFor();
  await sendMessage("Sarah", thread, "Welcome");
  await michael.waitForUnread(title, 1);
  await michael.page.getByRole("log", { name: "New messages" }).getByText(`in ${title}: Welcome`).waitFor();
  await michael.close();
});

test("what arrives while the page is hidden stays unread until the page is visible, below a divider", async () => {
  const title = `Hidden ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await sendMessage("Sarah", thread, "Before");
  const [hidden, other] = [await Person.signedIn(browser, "Michael"), await Person.signedIn(browser, "Michael")];
  await hidden.openThread(title);
  await divider(hidden.page, "1 new message").waitFor();
  await other.waitForUnread(title, 0);
  const marks = countMarks(hidden.page);

  await hidden.setPageVisible(false);
  assert.equal(await divider(hidden.page).count(), 0);
  await sendMessage("Sarah", thread, "While you were away");
  await hidden.waitForMessage("While you were away");
  await other.waitForUnread(title, 1);
  await sendMessage("Sarah", thread, "And again");
  await hidden.waitForMessage("And again");
  await other.waitForUnread(title, 2);
  await hidden.setPageVisible(false); // a hidden page sends its waiting read marks; it must have none
  await hidden.page.evaluate(() => fetch("config.json").then((response) => response.text()));
  assert.equal(marks(), 0);
  assert.equal(await hidden.unread(title), 2);
  assert.equal(await firstBelowDivider(hidden.page), "While you were away");

  await hidden.setPageVisible(true);
  await other.waitForUnread(title, 0);
  assert.equal(marks(), 1);
  assert.equal(await firstBelowDivider(hidden.page), "While you were away", "the divider must stay while they read");

  // Sending a message shows that the user has read everything.
  await hidden.send("Back again");
  await hidden.waitForMessage("Back again");
  assert.equal(await divider(hidden.page).count(), 0);
  await hidden.close();
  await other.close();
});

test("a conversation opens at its first unread message, and only what was on the screen becomes read", async () => {
  const title = `Opens ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  for (let number = 1; number <= 90; number += 1) await sendMessage("Sarah", thread, `Message ${number}.`);
  await markRead("Michael", thread, 7); // more messages are unread than the page loads at once
  const [reader, other] = [await Person.signedIn(browser, "Michael"), await Person.signedIn(browser, "Michael")];
  await other.waitForUnread(title, 83);
  await reader.openThread(title);
  await divider(reader.page).waitFor();
  assert.equal(await firstBelowDivider(reader.page), "Message 8.");
  assert.ok(await isOnScreen(reader.page, "Message 8."));
  assert.ok(!(await isOnScreen(reader.page, "Message 90.")));
  await waitUntil("some messages are read", async () => (await other.unread(title)) < 83);
  const left = await other.unread(title);
  assert.ok(left > 40, `${left} are unread`);
  assert.ok(await isOnScreen(reader.page, `Message ${90 - left}.`), `${left} are unread`);
  assert.ok(!(await isOnScreen(reader.page, `Message ${90 - left + 2}.`)), `${left} are unread`);

  // A jump to the end shows only the last messages, so those in between stay unread.
  const scroller = reader.page.getByRole("region", { name: "Messages" });
  await scroller.evaluate((element) => {
    element.scrollTop = element.scrollHeight;
  });
  const above = reader.page.getByRole("button", { name: `${left} new messages above` });
  await above.waitFor();
  assert.equal(await other.unread(title), left);
  await above.click();
  await waitUntil("the first unread message is shown", () => isOnScreen(reader.page, `Message ${91 - left}.`));
  // Reading on to the end marks everything as read.
  await scroller.evaluate(async (element) => {
    while (element.scrollTop + element.clientHeight < element.scrollHeight - 1) {
      element.scrollTop += element.clientHeight / 2;
      await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
    }
  });
  await other.waitForUnread(title, 0);
  await reader.close();
  await other.close();
});

test("messages that a jump has skipped can be marked as read without reading them", async () => {
  const title = `Skipped ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await fill(thread, 300, "Sarah");
  const [reader, other] = [await Person.signedIn(browser, "Michael"), await Person.signedIn(browser, "Michael")];
  await reader.page.evaluate((id) => location.assign(`#/${id}`), thread);
  await divider(reader.page, "300 new messages").waitFor();
  await reader.page.getByRole("region", { name: "Messages" }).evaluate((element) => {
    element.scrollTop = element.scrollHeight;
  });
  await reader.page.getByRole("button", { name: "Mark all as read" }).click();
  await other.waitForUnread(title, 0);
  assert.equal(await reader.page.getByRole("button", { name: /new messages? / }).count(), 0);
  await reader.close();
  await other.close();
});

test("a message below the visible part is announced by a button, and stays unread until it was on the screen", async () => {
  const title = `Below ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  for (let number = 1; number <= 40; number += 1) await sendMessage("Sarah", thread, `Message ${number}.`);
  await markRead("Michael", thread, 40);
  const [reader, other] = [await Person.signedIn(browser, "Michael"), await Person.signedIn(browser, "Michael")];
  await reader.openThread(title);
  await reader.waitForMessage("Message 40.");
  const scroller = reader.page.getByRole("region", { name: "Messages" });
  await scroller.evaluate((element) => {
    element.scrollTop = 200;
  });
  await reader.page.getByRole("button", { name: "Go to the newest message" }).waitFor();
  const marks = countMarks(reader.page);
  const position = await scroller.evaluate((element) => element.scrollTop);
  await sendMessage("Sarah", thread, "One more");
  await reader.page.getByRole("button", { name: "1 new message below" }).waitFor();
  await sendMessage("Sarah", thread, "And another one");
  await other.waitForUnread(title, 2);
  const button = reader.page.getByRole("button", { name: "2 new messages below" });
  await button.waitFor();
  assert.equal(await scroller.evaluate((element) => element.scrollTop), position, "the visible messages must stay");
  assert.equal(marks(), 0);
  assert.equal(await firstBelowDivider(reader.page), "One more");

  await button.click();
  await other.waitForUnread(title, 0);
  await button.waitFor({ state: "detached" });
  assert.ok(await isOnScreen(reader.page, "And another one"));
  assert.ok(await scroller.evaluate((element) => element === document.activeElement), "the focus must not be lost");
  await reader.close();
  await other.close();
});

test("more messages than fit on the screen arrive at once: the page stops at the first of them", async () => {
  const title = `Many ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await sendMessage("Sarah", thread, "Before");
  const [reader, other] = [await Person.signedIn(browser, "Michael"), await Person.signedIn(browser, "Michael")];
  await reader.openThread(title);
  await other.waitForUnread(title, 0);
  await reader.send("I have read it");
  await other.threadLink(title).getByText("You: I have read it").waitFor();
  await reader.page.context().setOffline(true);
  await reader.waitForConnection("Offline");
  for (let number = 1; number <= 40; number += 1) await sendMessage("Sarah", thread, `Message ${number}.`);
  await reader.page.context().setOffline(false);
  await reader.waitForMessage("Message 40.");
  assert.equal(await firstBelowDivider(reader.page), "Message 1.");
  assert.ok(await isOnScreen(reader.page, "Message 1."));
  await waitUntil("what is on the screen is read", async () => (await other.unread(title)) < 40);
  assert.ok((await other.unread(title)) > 10);
  await reader.close();
  await other.close();
});

test("two tabs of a browser agree about what is unread", async () => {
  const title = `Tabs ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  const reader = await Person.signedIn(browser, "Michael");
  await reader.openThread(title);
  const tab = await reader.newTab();
  await tab.openThread(title);
  for (const each of [reader, tab]) await each.waitForConnection("Live");
  for (const each of [reader, tab]) await each.setPageVisible(false);
  await sendMessage("Sarah", thread, "One");
  await sendMessage("Sarah", thread, "Two");
  for (const each of [reader, tab]) {
    await each.waitForMessage("Two");
    await each.waitForUnread(title, 2);
    await divider(each.page, "2 new messages").waitFor();
  }
  await reader.setPageVisible(true);
  for (const each of [reader, tab]) await each.waitForUnread(title, 0);
  const buttons = tab.page.getByRole("button", { name: /new messages?/ });
  assert.equal(await buttons.count(), 0);
  // A message that the user sends in one tab is read in the other one, too.
  await reader.send("Three");
  await tab.waitForMessage("Three");
  assert.equal(await tab.unread(title), 0);
  await tab.setPageVisible(true);
  assert.equal(await tab.unread(title), 0);
  await reader.close();
});

function divider(page: Page, text: string | RegExp = /new messages?$/) {
  return page.locator("li.new", { hasText: text });
}

/** Returns the text of the first message below the divider. */
function firstBelowDivider(page: Page): Promise<string | null> {
  return page.locator("li.new + li.message .bubble").textContent();
}

/** Returns whether the whole message with this text is in the visible part of the messages. */
function isOnScreen(page: Page, text: string): Promise<boolean> {
  const bubble = page.locator("li.message .bubble", { hasText: text }).first();
  return bubble.evaluate((element) => {
    const { top, bottom } = element.getBoundingClientRect();
    const scroller = element.closest(".scroller")?.getBoundingClientRect();
    return scroller !== undefined && top >= scroller.top && bottom <= scroller.bottom;
  });
}

/** Returns a function that returns how many read marks the page has sent since this call. */
function countMarks(page: Page): () => number {
  let count = 0;
  page.on("request", (request) => {
    if (request.method() === "PUT" && request.url().endsWith("/read")) count += 1;
  });
  return () => count;
}

function badge(page: Page): Promise<{ title: string; icon: string }> {
  return page.evaluate(() => {
    const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]")?.href.split("/").at(-1) ?? "";
    return { title: document.title, icon };
  });
}
