import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { call, launch, newThread, Person, sendMessage, stack, waitUntil } from "./browser.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** Signs people in and opens a new thread for them. Returns its ID and title, and the people. */
async function together(...names: string[]) {
  const title = `Changes ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  const people: Person[] = [];
  for (const name of names) {
    const person = await Person.signedIn(browser, name);
    await person.openThread(title);
    await person.waitForConnection("Live");
    people.push(person);
  }
  return { title, thread, people: people as [Person, Person] };
}

test("an edit is shown to everyone, keeps the draft, and does not affect other messages", async () => {
  const { people } = await together("Sarah", "Michael");
  const [sarah, michael] = people;
  await sarah.send("Dinner at 6?");
  await sarah.waitForMessage("Dinner at 6?");
  await michael.waitForMessage("Dinner at 6?");
  const others = await michael.openMessageMenu("Dinner at 6?");
  assert.equal(await others.getByRole("menuitem", { name: /Edit|Delete/ }).count(), 0);
  await michael.page.keyboard.press("Escape");

  await sarah.field.fill("A draft");
  await sarah.chooseFor("Dinner at 6?", "Edit");
  assert.equal(await sarah.field.inputValue(), "Dinner at 6?");
  await sarah.field.fill("   ");
  assert.ok(await sarah.page.getByRole("button", { name: "Save" }).isDisabled());
  await sarah.field.press("Escape");
  assert.equal(await sarah.field.inputValue(), "A draft");
  await sarah.chooseFor("Dinner at 6?", "Edit");
  await sarah.send("Dinner at 7?");
  await michael.waitForMessage("Dinner at 7?");
  for (const { page } of people) {
    const note = page.locator(".bubble", { hasText: "Dinner at 7?" }).locator("time", { hasText: "edited" });
    await note.waitFor();
    assert.match((await note.getAttribute("title")) ?? "", /\d\d:\d\d/);
  }
  assert.equal(await sarah.field.inputValue(), "A draft");
  await sarah.field.press("Enter");
  await michael.waitForMessage("A draft");
  assert.equal(await michael.page.locator("li.message").count(), 2);
  for (const person of people) await person.close();
});

test("a deletion can be undone, and erases the message everywhere after five seconds", async () => {
  const { title, people } = await together("Sarah", "Michael");
  const [sarah, michael] = people;
  await sarah.send("Wrong photo");
  await michael.waitForMessage("Wrong photo");
  await michael.chooseFor("Wrong photo", "Reply");
  await michael.send("Which one?");
  await sarah.waitForMessage("Which one?");
  await sarah.send("Wrong again");
  await michael.waitForMessage("Wrong again");
  let deletions = 0;
  sarah.page.on("request", (request) => {
    if (request.method() === "DELETE") deletions += 1;
  });
  const undo = sarah.page.getByRole("button", { name: "Undo" });
  await sarah.chooseFor("Wrong again", "Delete");
  await undo.click();
  await sarah.waitForMessage("Wrong again");
  await sarah.chooseFor("Wrong again", "Delete");
  await undo.waitFor();
  await sarah.page.locator("li.message").first().hover();
  assert.equal(deletions, 0);
  const tombstone = michael.page.locator("li.message", { hasText: "This message was deleted" });
  await tombstone.waitFor();
  assert.equal(deletions, 1);
  await undo.waitFor({ state: "detached" });
  for (const person of people) {
    await person.threadLink(title).getByText("This message was deleted").waitFor();
    assert.equal(await person.page.getByText("Wrong again").count(), 0);
  }

  await sarah.page.locator("li.message").first().hover();
  await sarah.page.locator("li.message").first().getByRole("button", { name: "Actions for" }).click();
  await sarah.page.getByRole("menuitem", { name: "Delete" }).click();
  for (const { page } of people) {
    await page.locator("li.message .quote", { hasText: "This message was deleted" }).waitFor();
  }
  assert.equal(await tombstone.first().getByRole("button").count(), 0);
  for (const person of people) await person.close();
});

test("a deletion is sent at once when the user leaves the conversation, or hides or closes the page", async () => {
  const { title, people } = await together("Sarah", "Michael");
  const [sarah, michael] = people;
  for (const [text, leave] of [
    ["Left", () => sarah.page.keyboard.press("Escape")],
    ["Closed", () => sarah.page.goto("about:blank")],
    ["Hidden", () => sarah.setPageVisible(false)],
  ] as const) {
    await sarah.page.goto(stack.pageUrl);
    await sarah.openThread(title);
    await sarah.send(text);
    await michael.waitForMessage(text);
    await sarah.chooseFor(text, "Delete");
    await sarah.page.getByRole("button", { name: "Undo" }).waitFor();
    await leave();
    await michael.message(text).waitFor({ state: "detached" });
  }
  for (const person of people) await person.close();
});

test("reactions are counted and named, and a click on one adds or removes the own", async () => {
  const { people } = await together("Sarah", "Michael");
  const [sarah, michael] = people;
  await sarah.send("We have a boat");
  await michael.waitForMessage("We have a boat");
  await michael.chooseFor("We have a boat", "❤️");
  const heart = (person: Person) => person.message("We have a boat").getByRole("button", { name: /^❤️/ });
  await heart(sarah)
    .and(sarah.page.getByTitle("Michael", { exact: true }))
    .waitFor();
  await heart(sarah).click();
  for (const person of people) {
    await waitUntil("both have reacted", async () => (await heart(person).textContent()) === "❤️ 2");
    assert.equal(await heart(person).getAttribute("aria-pressed"), "true");
  }
  assert.match((await heart(michael).getAttribute("title")) ?? "", /Sarah/);

  // Another emoji replaces the first one, and the same one again removes it.
  await michael.openMessageMenu("We have a boat");
  await michael.page.getByRole("menuitem", { name: "Another emoji" }).click();
  const dialog = michael.page.getByRole("dialog", { name: "React with another emoji" });
  await dialog.getByRole("textbox").fill("⛵⛵");
  await dialog.getByRole("textbox").press("Enter");
  await dialog.getByText("Enter exactly one emoji.").waitFor();
  await dialog.getByRole("textbox").fill("⛵");
  await dialog.getByRole("textbox").press("Enter");
  await dialog.waitFor({ state: "detached" });
  const boat = sarah.message("We have a boat").getByRole("button", { name: /^⛵/ });
  await boat.and(sarah.page.getByTitle("Michael", { exact: true })).waitFor();
  await heart(michael)
    .and(michael.page.getByTitle("Sarah", { exact: true }))
    .waitFor();
  await sarah.chooseFor("We have a boat", "❤️");
  await heart(michael).waitFor({ state: "detached" });
  for (const person of people) await person.close();
});

test("a reply quotes its message, and a click on the quote goes to the message, also if it is not loaded", async () => {
  const title = `Quotes ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  for (let number = 1; number <= 130; number += 1) await sendMessage("Sarah", thread, `Number ${number}.`);
  const sarah = await Person.signedIn(browser, "Sarah");
  await sarah.openThread(title);
  await sarah.waitForMessage("Number 130.");
  await sarah.chooseFor("Number 129.", "Reply");
  await sarah.page.locator(".target").getByText("Replying to yourself").waitFor();
  await sarah.field.press("Escape");
  await sarah.page.locator(".target").waitFor({ state: "detached" });
  await sarah.chooseFor("Number 130.", "Reply");
  await sarah.send("An answer");
  await sarah.waitForMessage("An answer");
  assert.equal(await sarah.page.locator(".target").count(), 0);
  await sarah.message("An answer").locator(".quote", { hasText: "Number 130." }).waitFor();
  await call("Michael", "POST", `/api/threads/${thread}/messages`, { body: "So early?", replyTo: 3 });
  const quote = sarah.message("So early?").getByRole("button", { name: /^In reply to You.*Number 3\.$/ });
  await sarah.page.route(/\/messages\?.*cursor=/, (route) => route.abort());
  await quote.click();
  await sarah.page.getByRole("status").getByText("The message could not be loaded.").waitFor();
  await sarah.page.unrouteAll();
  await quote.click();
  const target = sarah.page.locator("li.message[data-seq='3']");
  await target.waitFor();
  await waitUntil("the quoted message is on the screen and has the focus", () =>
    target.evaluate((item) => {
      const { top, bottom } = item.getBoundingClientRect();
      return document.activeElement === item && top > 0 && bottom < innerHeight;
    }),
  );
  await sarah.close();
});

test("an edit of a message that was deleted meanwhile, or that is refused, is explained and rolled back", async () => {
  const { thread, people } = await together("Sarah", "Michael");
  const [sarah, michael] = people;
  await sarah.send("Dinner at 6?");
  await sarah.waitForMessage("Dinner at 6?");
  await sarah.page.route(/\/messages\/\d+$/, (route) => {
    if (route.request().method() !== "PATCH") return route.fallback();
    const problem = { type: "about:blank", title: "Forbidden", status: 403, code: "edit_window_over" };
    return route.fulfill({
      status: 403,
      contentType: "application/problem+json",
      headers: { "access-control-allow-origin": "*" },
      json: { ...problem, detail: "The message is too old.", requestId: "r-1", errors: [] },
    });
  });
  await sarah.chooseFor("Dinner at 6?", "Edit");
  await sarah.send("Dinner at 7?");
  const refused = sarah.page.getByRole("alert", { name: "" }).filter({ hasText: "Your edit was not saved: " });
  await refused.getByText("The message is too old.").waitFor();
  assert.deepEqual(await sarah.messageTexts(), ["Dinner at 6?"]);
  assert.equal(await refused.getByRole("button", { name: "Try again" }).count(), 0);
  await refused.getByRole("button", { name: "Discard" }).click();
  await refused.waitFor({ state: "detached" });
  await sarah.page.unrouteAll();

  await sarah.chooseFor("Dinner at 6?", "Edit");
  await call("Sarah", "DELETE", `/api/threads/${thread}/messages/1`);
  await sarah.page.getByText("This message was deleted meanwhile.").waitFor();
  await sarah.page.getByRole("button", { name: "Cancel the edit" }).click();
  assert.equal(await sarah.field.inputValue(), "");
  await michael.message("This message was deleted").waitFor();
  for (const person of people) await person.close();
});

test("changes that are made offline are shown at once and stored when the network is back", async () => {
  const { people } = await together("Sarah", "Michael");
  const [sarah, michael] = people;
  for (const text of ["First", "Second", "Third"]) await sarah.send(text);
  await michael.waitForMessage("Third");
  await sarah.page.context().setOffline(true);
  await sarah.waitForConnection("Offline");
  await sarah.chooseFor("First", "Edit");
  await sarah.send("First of all");
  await sarah.chooseFor("Second", "👍");
  await sarah.chooseFor("Third", "Delete");
  await sarah.message("First of all").getByText("not saved yet, trying again …").waitFor();
  await sarah.message("Second").getByRole("button", { name: "👍 1" }).waitFor();
  await sarah.message("This message was deleted").waitFor();
  assert.equal(await michael.page.getByText("First of all").count(), 0);
  await sarah.page.context().setOffline(false);
  await michael.waitForMessage("First of all");
  await michael.message("Second").getByRole("button", { name: "👍 1" }).waitFor();
  await michael.message("This message was deleted").waitFor();
  await sarah.message("First of all").getByText("edited").waitFor();
  for (const person of people) await person.close();
});

test("a reaction to a message above the visible ones does not move them", async () => {
  const title = `Still ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  for (let number = 1; number <= 40; number += 1) await sendMessage("Sarah", thread, `Number ${number}.`);
  const sarah = await Person.signedIn(browser, "Sarah");
  await sarah.openThread(title);
  await sarah.waitForMessage("Number 40.");
  const scroller = sarah.page.getByRole("region", { name: "Messages" });
  await scroller.evaluate((element) => {
    element.scrollTop -= 400;
  });
  await sarah.page.getByRole("button", { name: "Go to the newest message" }).waitFor();
  const top = () => sarah.message("Number 30.").evaluate((item) => item.getBoundingClientRect().top);
  const expected = await top();
  await call("Michael", "PUT", `/api/threads/${thread}/messages/2/reaction`, { emoji: "👍" });
  await sarah.message("Number 2.").getByRole("button", { name: "👍 1" }).waitFor();
  const actual = await top();
  assert.ok(Math.abs(actual - expected) < 2, `the message moved from ${expected} to ${actual}`);
  await sarah.close();
});
