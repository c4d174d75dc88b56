import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Locator } from "playwright-core";
import { launch, newThread, Person } from "./browser.ts";

const MESSAGES = /\/api\/threads\/[^/]+\/messages$/;

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("messages that are kept on sign-out are sent after the next sign-in", async () => {
  const { person, title } = await withUnsentMessage("Kept for later");
  const dialog = await askToSignOut(person);
  await dialog.getByText("Messages and changes that are not sent: 1.").waitFor();
  assert.equal(await dialog.getByText("started to write").count(), 0);
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await dialog.waitFor({ state: "detached" });
  await person.message("Kept for later").waitFor();

  await (await askToSignOut(person)).getByRole("button", { name: "Keep and sign out" }).click();
  await person.page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  assert.equal((await storedMessages(person)).length, 1);
  await person.page.unroute(MESSAGES);
  await person.signIn();
  await person.openThread(title);
  await person.waitForMessage("Kept for later");
  assert.deepEqual(await storedMessages(person), []);
  await person.close();
});

test("messages and drafts that are discarded on sign-out leave nothing in the browser", async () => {
  const { person, title } = await withUnsentMessage("To be discarded");
  await person.page.getByRole("textbox", { name: "Message" }).fill("A draft");
  const dialog = await askToSignOut(person);
  await dialog.getByText("Messages and changes that are not sent: 1.").waitFor();
  await dialog.getByText("Messages that you have started to write: 1.").waitFor();
  await dialog.getByRole("button", { name: "Discard and sign out" }).click();
  await person.page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  const stored = await person.page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  for (const text of ["To be discarded", "A draft", "outbox", "session", "hearth-draft"])
    assert.ok(!stored.includes(text), stored);

  await person.page.unroute(MESSAGES);
  await person.signIn();
  await person.openThread(title);
  await person.send("The first message");
  await person.waitForMessage("The first message");
  assert.deepEqual(await person.messageTexts(), ["The first message"]);
  assert.equal(await person.page.getByRole("textbox", { name: "Message" }).inputValue(), "");
  await person.close();
});

test("a draft is kept on request, and without unsent text nothing is asked", async () => {
  const title = `Draft ${crypto.randomUUID()}`;
  await newThread(title, "Sarah", "Michael");
  const person = await Person.signedIn(browser, "Sarah");
  await person.openThread(title);
  const field = person.page.getByRole("textbox", { name: "Message" });
  await field.fill("Half a sentence");
  await person.page.getByRole("link", { name: title }).waitFor();
  const dialog = await askToSignOut(person);
  assert.deepEqual(await dialog.getByRole("button").allTextContents(), [
    "Cancel",
    "Keep and sign out",
    "Discard and sign out",
  ]);
  await dialog.getByRole("button", { name: "Keep and sign out" }).click();
  await person.signIn();
  await person.openThread(title);
  assert.equal(await field.inputValue(), "Half a sentence");
  await field.fill("  ");
  await person.page.getByRole("button", { name: "Sign out", exact: true }).click();
  await person.page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  await person.close();
});

/**
 * Opens a new thread as Sarah, makes all requests that send messages fail, and sends a message, which stays in the
 * outbox.
 */
async function withUnsentMessage(body: string): Promise<{ person: Person; title: string }> {
  const title = `Sign out ${crypto.randomUUID()}`;
  await newThread(title, "Sarah", "Michael");
  const person = await Person.signedIn(browser, "Sarah");
  await person.openThread(title);
  await person.page.route(MESSAGES, (route) =>
    route.request().method() === "POST" ? route.abort("internetdisconnected") : route.fallback(),
  );
  await person.send(body);
  await person.message(body).getByText("trying again").waitFor();
  return { person, title };
}

async function askToSignOut({ page }: Person): Promise<Locator> {
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  return page.getByRole("dialog", { name: "Sign out" });
}

/** Returns the names of the browser's storage items that have unsent messages. */
function storedMessages({ page }: Person): Promise<string[]> {
  return page.evaluate(() => Object.keys(localStorage).filter((name) => name.startsWith("hearth-outbox-")));
}
