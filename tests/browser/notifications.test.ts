import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch, markAllRead, markRead, newThread, Person, sendMessage, stack, waitUntil } from "./browser.ts";
import { Device } from "./push.ts";

/** Options of a browser whose user has allowed notifications. */
const ALLOWED = { permissions: ["notifications"] };

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("a push shows a notification, and a click on it opens the thread in the open page", async () => {
  const { title, thread } = await threadWith("Clicked");
  const sarah = await Person.signedIn(browser, "Sarah", ALLOWED);
  await sarah.threadLink(title).waitFor();
  const device = await Device.of(sarah);
  await device.pushMessage(thread, "Michael", "Dinner?");
  // The page is visible and live, so the notification is silent.
  await device.waitForNotifications({ title: "Michael", body: "Dinner?", tag: thread, silent: true });
  await device.click(thread);
  await sarah.page.getByRole("heading", { name: title }).waitFor();
  await device.waitForNotifications();
  assert.equal(sarah.page.context().pages().length, 1);
  await sarah.close();
});

test("a click on a notification opens the thread after the sign-in", async () => {
  const { title, thread } = await threadWith("Signed out");
  const sarah = await Person.open(browser, "Sarah", ALLOWED);
  const device = await Device.of(sarah);
  await device.pushMessage(thread, "Michael", "Dinner?");
  await device.waitForNotifications({ title: "Michael", body: "Dinner?", tag: thread, silent: false });
  await device.click(thread);
  await waitUntil("the page's address has the thread", async () => sarah.page.url().endsWith(`#${thread}`));
  await sarah.signIn();
  await sarah.page.getByRole("heading", { name: title }).waitFor();
  await sarah.close();
});

test("a thread has one notification, which rings for each message, but not for a repeated one", async () => {
  const person = await Person.open(browser, "Sarah", ALLOWED);
  const device = await Device.of(person);
  const shown = (body: string, silent: boolean) => ({ title: "Michael", body, tag: "thread_1", silent });
  const other = { title: "Dad", body: "Hello", tag: "thread_2", silent: false };
  await device.pushMessage("thread_1", "Michael", "Dinner?");
  await device.waitForNotifications(shown("Dinner?", false));
  await device.pushMessage("thread_1", "Michael", "Dinner?");
  await device.waitForNotifications(shown("Dinner?", true));
  await device.pushMessage("thread_1", "Michael", "Or lunch?");
  await device.pushMessage("thread_2", "Dad", "Hello");
  await device.waitForNotifications(shown("Or lunch?", false), other);
  await person.close();
});

test("a push with unreadable content shows a notification that there may be new messages, and a click opens the page", async () => {
  const person = await Person.open(browser, "Sarah", ALLOWED);
  const device = await Device.of(person);
  await device.push("{");
  await device.waitForNotifications({
    title: "Hearth",
    body: "You may have new messages.",
    tag: "hearth",
    silent: false,
  });
  await device.click("hearth");
  await device.waitForNotifications();
  await person.page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  assert.equal(new URL(person.page.url()).href, `${stack.pageUrl}/`);
  await person.close();
});

test("notifications close when the thread is shown, when it is read on another device, and at sign-out", async () => {
  const [open, other] = [await threadWith("Open"), await threadWith("Other")];
  await markAllRead("Sarah");
  const sarah = await Person.signedIn(browser, "Sarah", ALLOWED);
  await sarah.waitForConnection("Live");
  const device = await Device.of(sarah);
  await sendMessage("Michael", other.thread, "Unread");
  await sarah.waitForUnread(other.title, 1);
  const shown = { title: "Michael", body: "Unread", tag: other.thread, silent: true };
  await device.pushMessage(other.thread, "Michael", "Unread");
  await device.waitForNotifications(shown);

  await sarah.openThread(open.title);
  await device.worker.evaluate(() => {
    const { registration } = globalThis as unknown as { registration: ServiceWorkerRegistration };
    const show = registration.showNotification.bind(registration);
    Object.assign(registration, {
      showNotification: (title: string, options: NotificationOptions) => {
        Object.assign(globalThis, { last: options.body });
        return show(title, options);
      },
    });
  });
  const last = () => device.worker.evaluate(() => (globalThis as unknown as { last?: string }).last);
  await device.pushMessage(open.thread, "Michael", "In front of you");
  await waitUntil("the notification was shown", async () => (await last()) === "In front of you");
  await device.waitForNotifications(shown);
  await markRead("Sarah", other.thread, 1);
  await device.waitForNotifications();

  await device.pushMessage("thread_unknown", "Dad", "Private");
  await device.waitForNotifications({ title: "Dad", body: "Private", tag: "thread_unknown", silent: true });
  await sarah.page.getByRole("button", { name: "Sign out" }).click();
  await sarah.page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  await device.waitForNotifications();
  await sarah.close();
});

test("the app's badge is the number of unread conversations that are not muted, and 0 after the sign-out", async () => {
  const [first, second, muted] = [await threadWith("First"), await threadWith("Second"), await threadWith("Quiet")];
  await markAllRead("Sarah");
  const sarah = await Person.open(browser, "Sarah", ALLOWED);
  await sarah.page.addInitScript(() => {
    Object.assign(navigator, {
      setAppBadge: async (count: number) => sessionStorage.setItem("badge", String(count)),
    });
  });
  await sarah.page.reload();
  const badge = () => sarah.page.evaluate(() => sessionStorage.getItem("badge"));
  const waitForBadge = (expected: string) =>
    waitUntil(`the badge ${expected}`, async () => (await badge()) === expected);
  await sarah.signIn();
  await waitForBadge("0");
  await sarah.openThread(muted.title);
  await sarah.chooseInMenu("Mute for 8 hours");
  await sarah.threadLink(muted.title).getByText("muted").waitFor();
  await sarah.openThread(second.title);
  await sendMessage("Michael", muted.thread, "Not counted");
  await sarah.waitForUnread(muted.title, 1);
  for (const body of ["One", "Two"]) await sendMessage("Michael", first.thread, body);
  await waitForBadge("1");
  await sarah.openThread(first.title);
  await waitForBadge("0");
  await sendMessage("Michael", second.thread, "Three");
  await waitForBadge("1");
  await sarah.page.getByRole("button", { name: "Sign out" }).click();
  await waitForBadge("0");
  await sarah.close();
});

test("a push sets the app's badge", async () => {
  const person = await Person.open(browser, "Sarah", ALLOWED);
  const device = await Device.of(person);
  await device.worker.evaluate(() => {
    const badges: number[] = [];
    Object.assign(globalThis, { badges });
    Object.assign(navigator, { setAppBadge: async (count: number) => badges.push(count) });
  });
  const badges = () => device.worker.evaluate(() => (globalThis as unknown as { badges: number[] }).badges);
  await device.pushMessage("thread_1", "Michael", "Hello", 7);
  await waitUntil("the push has set the badge", async () => (await badges()).join() === "7");
  await person.close();
});

/** Creates a conversation of Sarah and Michael. */
async function threadWith(name: string): Promise<{ title: string; thread: string }> {
  const title = `${name} ${crypto.randomUUID()}`;
  return { title, thread: await newThread(title, "Sarah", "Michael") };
}
