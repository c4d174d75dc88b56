import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Locator } from "playwright-core";
import { audit } from "./audit.ts";
import { call, launch, newThread, Person, sendMessage } from "./browser.ts";

/** The least time between two sounds, in milliseconds: 4 seconds, less what a timer may be early. */
const MIN_PAUSE_MS = 3_900;

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("a message in another conversation shows a notice, and a click on it opens the conversation", async () => {
  const { sarah, other } = await sarahInThread();
  await sendMessage("Michael", other.thread, "Over here");
  const notice = noticeOf(sarah);
  await notice.getByText("Over here").waitFor();
  assert.equal(await notice.locator("strong").textContent(), other.title);
  await audit(sarah, "a notice of a message");
  // Screen readers must announce the message once. The announcer does this, so the notice must not be a live region.
  assert.equal(await notice.locator("[role], [aria-live]").count(), 0);
  await announcement(sarah, `Michael in ${other.title}: Over here`).waitFor();

  await sendMessage("Michael", other.thread, "Again");
  await notice.getByText("Again").waitFor();
  assert.equal(await noticeOf(sarah).count(), 1);
  await notice.getByRole("link").click();
  await sarah.page.getByRole("heading", { name: other.title }).waitFor();
  await notice.waitFor({ state: "detached" });
  await sarah.close();
});

test("there is no notice of own messages, of muted conversations, of the open one, or while only the list is shown", async () => {
  const { sarah, open, other } = await sarahInThread();
  const quiet = await threadWith("Quiet");
  await call("Sarah", "PATCH", `/api/threads/${quiet.thread}/me`, { mutedUntil: "9999-12-31T23:59:59Z" });
  await sarah.threadLink(quiet.title).locator(".muted").waitFor();
  const seen = await recordNotices(sarah);
  await sendMessage("Michael", quiet.thread, "Muted");
  await sendMessage("Sarah", other.thread, "From my phone");
  await sendMessage("Michael", open.thread, "In front of you");
  await sarah.waitForMessage("In front of you");
  await sarah.waitForUnread(quiet.title, 1);
  await sarah.threadLink(other.title).getByText("From my phone").waitFor();
  await sarah.page.keyboard.press("Escape");
  await sendMessage("Michael", other.thread, "In the list");
  await sarah.waitForUnread(other.title, 1);
  assert.deepEqual(await seen(), []);
  await sarah.close();
});

test("a notice is closed by its button, when its message is read elsewhere, and by itself", async () => {
  const { sarah, open, other } = await sarahInThread();
  const notice = noticeOf(sarah);
  await sendMessage("Michael", other.thread, "One");
  await notice.getByText("One").waitFor();
  await notice.getByRole("button", { name: "Close the notice" }).focus();
  await sarah.page.keyboard.press("Enter");
  await notice.waitFor({ state: "detached" });
  const focused = () => sarah.page.evaluate(() => document.activeElement?.tagName);
  assert.equal(await focused(), "H1", "the focus must not get lost");

  await sendMessage("Michael", other.thread, "Two");
  await notice.getByText("Two").waitFor();
  await call("Sarah", "PUT", `/api/threads/${other.thread}/read`, { seq: 2 });
  await notice.waitFor({ state: "detached" });

  await sendMessage("Michael", other.thread, "Escape");
  await notice.getByRole("link").focus();
  await sarah.page.keyboard.press("Escape");
  await notice.waitFor({ state: "detached" });
  await sarah.page.getByRole("heading", { name: open.title }).waitFor();

  await sendMessage("Michael", other.thread, "Three");
  await notice.getByText("Three").waitFor();
  await notice.waitFor({ state: "detached" });
  await sarah.waitForUnread(other.title, 2);
  await sarah.close();
});

test("a burst of messages has few sounds and announcements, and the sound can be switched off", async () => {
  const { sarah, other } = await sarahInThread();
  for (let number = 1; number <= 5; number += 1) {
    await sendMessage("Michael", other.thread, `Burst ${number}`);
    await sarah.waitForUnread(other.title, number);
  }
  const times = await sounds(sarah);
  const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  assert.ok(times.length > 0 && pauses.every((pause) => pause >= MIN_PAUSE_MS), times.join());
  const announced = await sarah.page.getByRole("log", { name: "New messages" }).locator("p").allTextContents();
  assert.ok(announced.length < 5, announced.join());

  await sarah.page.evaluate(() => localStorage.setItem("hearth-sound", "off"));
  await sarah.page.reload();
  await sarah.page.getByRole("heading", { name: "Hearth", exact: true }).click();
  await sarah.waitForConnection("Live");
  await sendMessage("Michael", other.thread, "Silent");
  await noticeOf(sarah).getByText("Silent").waitFor();
  assert.deepEqual(await sounds(sarah), []);
  await sarah.close();
});

test("a hidden page shows no notice and makes no sound", async () => {
  const { sarah, other } = await sarahInThread();
  const seen = await recordNotices(sarah);
  await sarah.setPageVisible(false);
  await sendMessage("Michael", other.thread, "Nobody looks");
  await sarah.waitForUnread(other.title, 1);
  await sarah.setPageVisible(true);
  assert.deepEqual([await seen(), await sounds(sarah)], [[], []]);
  await sarah.close();
});

/** Creates two conversations of Sarah and Michael. Signs in as Sarah and opens the first one. */
async function sarahInThread() {
  const [open, other] = [await threadWith("Open"), await threadWith("Other")];
  const sarah = await Person.open(browser, "Sarah");
  await sarah.page.addInitScript(() => {
    const recorded = globalThis as unknown as { sounds: number[] };
    recorded.sounds = [];
    const { start } = OscillatorNode.prototype;
    OscillatorNode.prototype.start = function (when) {
      if (this.frequency.value < 700) recorded.sounds.push(performance.now()); // the first note of two
      start.call(this, when);
    };
  });
  await sarah.page.reload();
  await sarah.signIn();
  await sarah.openThread(open.title);
  await sarah.waitForConnection("Live");
  // The notices are loaded after the first paint.
  await sarah.page.evaluate(() => new Promise((resolve) => requestIdleCallback(resolve)));
  await sarah.field.click(); // browsers allow sounds from now on
  return { sarah, open, other };
}

async function threadWith(name: string): Promise<{ title: string; thread: string }> {
  const title = `${name} ${crypto.randomUUID()}`;
  return { title, thread: await newThread(title, "Sarah", "Michael") };
}

function noticeOf({ page }: Person): Locator {
  return page.getByRole("complementary", { name: "New message" });
}

function announcement({ page }: Person, text: string): Locator {
  return page.getByRole("log", { name: "New messages" }).getByText(text);
}

/** Returns when the page has played its sound, in milliseconds since the page was opened. */
function sounds({ page }: Person): Promise<number[]> {
  return page.evaluate(() => (globalThis as unknown as { sounds: number[] }).sounds);
}

/** Records the texts of all notices from now on. Returns a function that returns them. */
async function recordNotices({ page }: Person): Promise<() => Promise<string[]>> {
  await page.evaluate(() => {
    const seen: string[] = [];
    Object.assign(globalThis, { seen });
    new MutationObserver(() => {
      const text = document.querySelector(".incoming")?.textContent;
      if (text) seen.push(text);
    }).observe(document.body, { subtree: true, childList: true });
  });
  return () => page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen);
}
