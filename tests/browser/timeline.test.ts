import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { call, launch, markRead, newThread, Person, post, sendMessage, waitUntil } from "./browser.ts";
import { fill } from "./many-messages.ts";

/** Maximum number of elements and of rendered messages in the document while the page holds 2,000 messages. */
const MAX_NODES = 3_000;
const MAX_ROWS = 200;

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("2,000 held messages: only some are rendered, none of the visible ones moves, and all can be reached", async () => {
  const title = `Thousands ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await fill(thread, 2_000, "Sarah", "Michael");
  await markRead("Sarah", thread, 2_000);
  const sarah = await Person.signedIn(browser, "Sarah");
  await sarah.page.evaluate((id) => location.assign(`#/${id}`), thread);
  await sarah.waitForMessage("Message 2000.");
  await sarah.waitForConnection("Live");

  const { moved, mostRows } = await scrollToBeginning(sarah.page);
  assert.ok(moved <= 1, `a visible message moved by ${moved} px when older ones were added`);
  assert.ok(mostRows <= MAX_ROWS, `${mostRows} messages were rendered`);
  await sarah.page.getByText("This is the beginning of the conversation.").waitFor();
  assert.ok(await isOnScreen(sarah.page, 1));
  assert.ok((await nodes(sarah.page)) <= MAX_NODES, `${await nodes(sarah.page)} elements`);

  // At any scroll position, the page renders the messages that belong there, without a gap.
  const scroller = sarah.page.getByRole("region", { name: "Messages" });
  for (const part of [0.31, 0.77, 0.5]) {
    await scroller.evaluate((element, part) => {
      element.scrollTop = part * element.scrollHeight;
    }, part);
    await waitUntil("the screen is full of messages", () => isFull(sarah.page));
  }

  await sarah.page.getByRole("button", { name: "Go to the newest message" }).click();
  await waitUntil("the newest message is shown", () => isOnScreen(sarah.page, 2_000));
  await post("Michael", `/api/threads/${thread}/messages`, { body: "About the first one", replyTo: 1 });
  await waitUntil("the end is followed", () => isOnScreen(sarah.page, 2_001));
  await sarah.message("About the first one").locator(".quote").click();
  await waitUntil("the quoted message is shown", () => isOnScreen(sarah.page, 1));
  assert.equal(await sarah.page.evaluate(() => (document.activeElement as HTMLElement).dataset.seq), "1");

  // The user's own message is shown at once, also if the user has scrolled up.
  await sarah.send("Mine");
  await waitUntil("the own message is shown", () => isOnScreen(sarah.page, 2_002));
  assert.ok((await nodes(sarah.page)) <= MAX_NODES, `${await nodes(sarah.page)} elements`);
  await sarah.close();
});

test("the focus stays in the messages when the focused one is scrolled far away", async () => {
  const title = `Focus ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await fill(thread, 400, "Michael");
  await markRead("Sarah", thread, 400);
  const sarah = await Person.signedIn(browser, "Sarah");
  await sarah.page.evaluate((id) => location.assign(`#/${id}`), thread);
  await sarah.waitForMessage("Message 400.");
  await sarah.message("Message 400.").getByRole("button", { name: "Actions for" }).focus();
  await sarah.page.keyboard.press("ArrowUp");
  const name = await sarah.page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
  assert.match(name ?? "", /Message 399\./);
  await scrollToBeginning(sarah.page);
  assert.equal(await sarah.page.evaluate(() => document.activeElement?.getAttribute("aria-label")), "Messages");
  await sarah.close();
});

test("the visible message stays where it is, whatever changes around it", async () => {
  const title = `Stays ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await fill(thread, 300, "Michael");
  await markRead("Sarah", thread, 300);
  const sarah = await Person.signedIn(browser, "Sarah");
  await sarah.page.evaluate((id) => location.assign(`#/${id}`), thread);
  await sarah.waitForMessage("Message 300.");
  await sarah.waitForConnection("Live");
  const scroller = sarah.page.getByRole("region", { name: "Messages" });
  await scroller.evaluate(async (element) => {
    for (let step = 0; step < 6; step += 1) {
      element.scrollTop -= 400;
      for (let frame = 0; frame < 5; frame += 1) await new Promise(requestAnimationFrame);
    }
  });
  const before = await firstVisible(sarah.page);
  const stays = async (change: string) => {
    const { bottom } = await firstVisible(sarah.page, before.seq);
    assert.ok(Math.abs(bottom - before.bottom) <= 1, `after ${change}: from ${before.bottom} to ${bottom}`);
  };
  for (const width of [700, 400, 1200]) {
    await sarah.page.setViewportSize({ width, height: 800 });
    await stays(`a width of ${width}`);
  }
  await sarah.page.setViewportSize({ width: 1200, height: 500 });
  await stays("a keyboard has opened");
  const path = `/api/threads/${thread}/messages`;
  await call("Michael", "PUT", `${path}/${before.seq - 3}/reaction`, { emoji: "👍" });
  await sarah.page.locator(".reactions").waitFor({ state: "attached" });
  await stays("a reaction above");
  await sendMessage("Michael", thread, "A new one");
  await sarah.page.getByRole("button", { name: "1 new message below" }).waitFor();
  await stays("a new message below");
  await scroller.evaluate((element) => {
    element.style.fontSize = "150%"; // like a font that has loaded
  });
  await stays("another size of the text");
  await sarah.close();
});

test("while a long message is written, the end of the messages stays on the screen, and the next one appears", async () => {
  const title = `Writes ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await fill(thread, 40, "Sarah", "Michael");
  await markRead("Sarah", thread, 40);
  for (const viewport of [
    { width: 1200, height: 800 },
    { width: 390, height: 700 },
  ]) {
    const sarah = await Person.signedIn(browser, "Sarah", { viewport });
    await sarah.page.evaluate((id) => location.assign(`#/${id}`), thread);
    await sarah.waitForMessage("Message 40.");
    await sarah.field.focus();
    for (const line of ["One line", "and another one", "and a third one", "and more, which does not fit on a phone"]) {
      await sarah.page.keyboard.type(line);
      await sarah.page.keyboard.press("Shift+Enter");
      assert.ok(await atEnd(sarah.page), `the end is not visible after "${line}"`);
    }
    const next = `Next ${viewport.width}`;
    const { id } = await sendMessage("Michael", thread, next);
    assert.ok(id);
    await sarah.waitForMessage(next);
    assert.ok(await atEnd(sarah.page), "the next message is not visible");
    assert.equal(await sarah.page.getByRole("button", { name: /newest message|new message/ }).count(), 0);
    await sarah.field.fill("");
    assert.ok(await atEnd(sarah.page), "the end is not visible after the text was removed");
    await sarah.close();
  }
});

/**
 * Scrolls up until the first message is loaded. Returns by how many pixels the first visible message has moved at most
 * while older messages were added, and how many messages were rendered at most.
 */
function scrollToBeginning(page: Page): Promise<{ moved: number; mostRows: number }> {
  return page.evaluate(async () => {
    const scroller = document.querySelector(".scroller") as HTMLElement;
    const frames = async () => {
      for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
    };
    const rows = () => [...scroller.querySelectorAll<HTMLElement>("li.message")];
    const { top } = scroller.getBoundingClientRect();
    const bottomOf = (item: Element) => item.querySelector(".bubble")?.getBoundingClientRect().bottom ?? 0;
    let [moved, mostRows] = [0, 0];
    while (rows()[0]?.dataset.seq !== "1" || scroller.scrollTop > 0) {
      scroller.scrollTop -= 600;
      await new Promise(requestAnimationFrame);
      const item = rows().find((row) => bottomOf(row) > top) as HTMLElement;
      const bottom = bottomOf(item);
      await frames(); // in these frames, other rows are rendered, or older messages arrive
      moved = Math.max(moved, Math.abs(bottomOf(item) - bottom));
      mostRows = Math.max(mostRows, rows().length);
    }
    return { moved, mostRows };
  });
}

/**
 * Returns the first visible message, or the one with this `seq`: its `seq`, and how far its lower edge is from the top of
 * the messages.
 */
function firstVisible(page: Page, seq?: number): Promise<{ seq: number; bottom: number }> {
  return page.evaluate(async (seq) => {
    for (let frame = 0; frame < 5; frame += 1) await new Promise(requestAnimationFrame);
    const scroller = document.querySelector(".scroller") as HTMLElement;
    const { top } = scroller.getBoundingClientRect();
    const bottomOf = (item: Element) => (item.querySelector(".body")?.getBoundingClientRect().bottom ?? 0) - top;
    const items = [...scroller.querySelectorAll<HTMLElement>("li.message")];
    const item = items.find((item) => (seq === undefined ? bottomOf(item) > 0 : item.dataset.seq === String(seq)));
    if (!item) throw new Error(`Message ${seq} is not rendered.`);
    return { seq: Number(item.dataset.seq), bottom: bottomOf(item) };
  }, seq);
}

/** Returns whether the end of the messages is on the screen. */
function atEnd(page: Page): Promise<boolean> {
  return page.evaluate(async () => {
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
    const scroller = document.querySelector(".scroller") as HTMLElement;
    return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 2;
  });
}

/** Returns whether the message with this `seq` is completely on the screen. */
function isOnScreen(page: Page, seq: number): Promise<boolean> {
  return page.evaluate((seq) => {
    const scroller = document.querySelector(".scroller")?.getBoundingClientRect();
    const item = document.querySelector(`li[data-seq="${seq}"]`)?.getBoundingClientRect();
    return scroller !== undefined && item !== undefined && item.top >= scroller.top && item.bottom <= scroller.bottom;
  }, seq);
}

/** Returns whether messages cover the visible part of the timeline. */
function isFull(page: Page): Promise<boolean> {
  return page.evaluate(() => {
    const scroller = document.querySelector(".scroller") as HTMLElement;
    const { top, bottom } = scroller.getBoundingClientRect();
    const items = [...scroller.querySelectorAll("li.message")].map((item) => item.getBoundingClientRect());
    return (items[0]?.top ?? bottom) <= top && (items.at(-1)?.bottom ?? top) >= bottom;
  });
}

function nodes(page: Page): Promise<number> {
  return page.evaluate(() => document.querySelectorAll("*").length);
}
