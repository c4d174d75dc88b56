import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch, markRead, newThread, sendMessage, waitUntil } from "./browser.ts";
import { Device } from "./push.ts";
import { openWithPush } from "./push-browser.ts";
import { PushService } from "./push-service.ts";

let browser: Browser;
let service: PushService;
before(async () => {
  browser = await launch();
  service = new PushService();
  await service.start();
});
after(async () => {
  await browser.close();
  service.stop();
});

test("an unread message reaches the device through the push service, and a click on it opens its thread", async () => {
  const title = `Pushed ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  const { subscription } = service;
  const { person: sarah } = await openWithPush(browser, "Sarah", { subscription }, { permissions: ["notifications"] });
  await sarah.signIn();
  const hint = sarah.page.getByRole("complementary", { name: "Notifications" });
  await hint.getByRole("button", { name: "Turn on" }).click();
  await hint.waitFor({ state: "detached" });

  await sendMessage("Michael", thread, "Read at once");
  await markRead("Sarah", thread, 1);
  await sendMessage("Sarah", thread, "My own message");
  await sendMessage("Michael", thread, "Dinner at 6?");
  await waitUntil("the push service has a message", async () => service.messages.length + service.errors.length > 0);
  assert.deepEqual(service.errors, []);
  const [message = ""] = service.messages;
  const device = await Device.of(sarah);
  await device.push(message);
  // The thread has three members: Sarah, Michael and a guest. So the notification's text begins with the author's name.
  await device.waitForNotifications({ title, body: "Michael: Dinner at 6?", tag: thread, silent: true });
  await device.click(thread);
  await sarah.page.getByRole("heading", { name: title }).waitFor();
  await device.waitForNotifications();

  await sarah.page.getByRole("button", { name: "Sign out" }).click();
  await sarah.page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  await sarah.close();
});
