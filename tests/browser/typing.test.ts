import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { call, launch, markRead, newThread, Person } from "./browser.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("it is shown who is typing, until their message arrives or they stop", async () => {
  const title = `Typing ${crypto.randomUUID()}`;
  await newThread(title, "Sarah", "Michael");
  const [sarah, michael] = [await Person.signedIn(browser, "Sarah"), await Person.signedIn(browser, "Michael")];
  for (const person of [sarah, michael]) {
    await person.openThread(title);
    await person.waitForConnection("Live");
  }
  const field = sarah.page.getByRole("textbox", { name: "Message" });
  const indicator = michael.page.getByRole("status").filter({ hasText: "typing" });
  await field.pressSequentially("On my");
  await michael.page.getByText("Sarah is typing …").waitFor();
  assert.equal(await indicator.count(), 1, "the text must be in a live region for screen readers");
  assert.equal(await sarah.page.getByText("typing …").count(), 0, "nobody sees that they type themselves");
  await field.pressSequentially(" way");
  await field.press("Enter");
  await michael.waitForMessage("On my way");
  assert.equal(await indicator.count(), 0);

  await michael.page.getByRole("textbox", { name: "Message" }).pressSequentially("Wait");
  await sarah.page.getByText("Michael is typing …").waitFor();
  await sarah.page.getByText("Michael is typing …").waitFor({ state: "detached" }); // Michael types no more
  await sarah.close();
  await michael.close();
});

test("a user who is not a member receives nothing of a conversation", async () => {
  const title = `Strangers ${crypto.randomUUID()}`;
  const dad = await Person.open(browser, "Dad");
  const frames: string[] = [];
  dad.page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => frames.push(String(payload))));
  await dad.signIn();
  await dad.waitForConnection("Live");

  const thread = await newThread(title, "Sarah", "Michael");
  const [sarah, michael] = [await Person.signedIn(browser, "Sarah"), await Person.signedIn(browser, "Michael")];
  for (const person of [sarah, michael]) {
    await person.openThread(title);
    await person.waitForConnection("Live");
  }
  await sarah.page.getByRole("textbox", { name: "Message" }).pressSequentially("A secret");
  await michael.page.getByText("Sarah is typing …").waitFor();
  await sarah.page.keyboard.press("Enter");
  await sarah.message("A secret").getByText("Read by Michael").waitFor();
  await call("Sarah", "PATCH", `/api/threads/${thread}/me`, { archived: true });
  for (const path of ["", "/messages"]) {
    await assert.rejects(call("Dad", "GET", `/api/threads/${thread}${path}`), /404/);
  }
  await assert.rejects(markRead("Dad", thread, 1), /404/);
  await assert.rejects(call("Dad", "PATCH", `/api/threads/${thread}/me`, { archived: true }), /404/);

  // Dad's own new conversation appears in his list. So his connection works, and earlier frames would have arrived,
  // too.
  const own = `Own ${crypto.randomUUID()}`;
  await newThread(own, "Michael", "Dad");
  await dad.threadLink(own).waitFor();
  assert.ok(frames.some((frame) => frame.includes(own)));
  assert.ok(!frames.some((frame) => frame.includes(thread) || frame.includes(title)), frames.join("\n"));
  assert.equal(await dad.threadLink(title).count(), 0);
  for (const person of [dad, sarah, michael]) await person.close();
});
