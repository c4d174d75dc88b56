import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { call, launch, markRead, newThread, Person, sendMessage } from "./browser.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await call("Michael", "PATCH", "/api/me", { receipts: true }); // other tests use Michael, too
  await browser.close();
});

test("a message shows who has read up to it, and the receipt moves with the reader", async () => {
  const title = `Read ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael", "Dad");
  const sarah = await Person.signedIn(browser, "Sarah");
  await sarah.openThread(title);
  await sarah.waitForConnection("Live");
  await sarah.send("One");
  await sarah.send("Two");
  await sarah.waitForMessage("Two");
  await markRead("Dad", thread, 1);
  await sarah.message("One").getByText("Read by Dad", { exact: true }).waitFor();
  assert.equal(await sarah.page.getByText("Read by").count(), 1);

  const michael = await Person.signedIn(browser, "Michael");
  await michael.openThread(title);
  await sarah.message("Two").getByText("Read by Michael", { exact: true }).waitFor();
  await markRead("Dad", thread, 2);
  await sarah.message("Two").getByText("Read by Michael, Dad", { exact: true }).waitFor();
  assert.equal(await sarah.page.getByText("Read by").count(), 1, "each reader is shown once");

  // The author of a message has read it, so the page does not list the author as a reader.
  await sendMessage("Dad", thread, "Three");
  await sarah.message("Three").getByText("Read by Michael", { exact: true }).waitFor();
  await sarah.page.reload();
  await sarah.message("Three").getByText("Read by Michael", { exact: true }).waitFor();
  await sarah.close();
  await michael.close();
});

test("a member who does not share read receipts is not shown as a reader, but all their devices know what they have read", async () => {
  const title = `Private ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael", "Dad");
  const [phone, laptop] = [await Person.signedIn(browser, "Michael"), await Person.signedIn(browser, "Michael")];
  await phone.page.getByRole("button", { name: "Your account" }).click();
  const stored = phone.page.waitForResponse((response) => response.request().method() === "PATCH");
  await phone.page.getByLabel("Share read receipts").uncheck();
  await stored;
  await phone.page.keyboard.press("Escape");

  const sarah = await Person.signedIn(browser, "Sarah");
  await sarah.openThread(title);
  await sarah.waitForConnection("Live");
  await sarah.send("Guess who reads this");
  await laptop.waitForUnread(title, 1);
  await phone.openThread(title);
  await laptop.waitForUnread(title, 0);
  await markRead("Dad", thread, 1);
  await sarah.page.getByText("Read by Dad", { exact: true }).waitFor();
  await sarah.page.reload();
  await sarah.page.getByText("Read by Dad", { exact: true }).waitFor();

  // The switch shows the setting that the server has stored, also after a change that has failed.
  await laptop.page.getByRole("button", { name: "Your account" }).click();
  const receipts = laptop.page.getByRole("checkbox", { name: "Share read receipts", disabled: false });
  await receipts.waitFor();
  assert.ok(!(await receipts.isChecked()));
  await laptop.page.route(/\/api\/me$/, (route) =>
    route.request().method() === "PATCH" ? route.abort("internetdisconnected") : route.fallback(),
  );
  await receipts.click();
  await laptop.page.getByRole("alert").waitFor();
  assert.ok(!(await receipts.isChecked()), "a change that is not stored must not be shown as stored");
  for (const person of [phone, laptop, sarah]) await person.close();
});
