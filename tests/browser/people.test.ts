import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Locator, Page } from "playwright-core";
import { idOf, knownUser, launch, Person, stack, waitUntil } from "./browser.ts";

const PEOPLE = /\/api\/people(\?|$)/;

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** With a service worker, Playwright does not intercept all requests of the page, so these tests work without one. */
const WITHOUT_WORKER = { serviceWorkers: "block" } as const;

test("people are found and chosen by keyboard, and removed again", async () => {
  const { page, ...sarah } = await Person.signedIn(browser, "Sarah", WITHOUT_WORKER);
  const dialog = await openDialog(page, [...stack.users, { id: "user-9", name: "Zoë Müller" }]);
  assert.deepEqual(await names(dialog), ["Michael", "Dad", "Zoë Müller"], "the user is not in the list");
  const chosen = dialog.getByRole("list", { name: "Chosen people" }).getByRole("button");

  // The search has the focus, ignores case and accents, and takes words in any order.
  await page.keyboard.type("MULLER zoe");
  await dialog.getByRole("status").getByText("1 person").waitFor();
  assert.deepEqual(await names(dialog), ["Zoë Müller"]);
  await page.keyboard.press("Enter");
  assert.deepEqual(await chosen.allTextContents(), ["Zoë Müller"]);
  assert.deepEqual(await names(dialog), ["Michael", "Dad", "Zoë Müller"], "the search field is empty again");

  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Space");
  assert.deepEqual(await chosen.allTextContents(), ["Zoë Müller", "Dad"]);
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Backspace");
  assert.deepEqual(await chosen.allTextContents(), ["Zoë Müller"]);
  assert.ok(!(await dialog.getByRole("checkbox", { name: "Dad" }).isChecked()));
  await page.keyboard.type("nobody");
  await dialog.getByRole("status").getByText("Nobody has this name.").waitFor();
  await page.keyboard.press("Enter");
  assert.deepEqual(await chosen.allTextContents(), ["Zoë Müller"]);
  await chosen.click();
  assert.equal(await chosen.count(), 0);
  await waitUntil("the focus is on the search", () => hasFocus(dialog.getByRole("searchbox")));
  assert.ok(await dialog.getByRole("button", { name: "Start" }).isDisabled());
  assert.deepEqual(sarah.errors, []);
  await page.context().close();
});

test("a conversation starts with several people who were found by name", async () => {
  const sarah = await Person.signedIn(browser, "Sarah", WITHOUT_WORKER);
  const guest = await knownUser();
  const dialog = await openDialog(sarah.page);
  for (const name of ["Michael", "Dad"]) {
    await dialog.getByRole("searchbox").fill(name);
    await dialog.getByRole("checkbox", { name }).check();
  }
  await sarah.addById(guest);
  let members: string[] = [];
  sarah.page.on("request", (request) => {
    if (request.method() === "POST" && request.url().endsWith("/api/threads"))
      members = request.postDataJSON().memberIds;
  });
  await dialog.getByRole("button", { name: "Start" }).click();
  await sarah.page.getByRole("heading", { name: "Michael, Dad" }).waitFor();
  assert.deepEqual(members, [idOf("Michael"), idOf("Dad"), guest]);
  await sarah.close();
});

test("people with the same name are told apart, and many people are shown in part", async () => {
  const { page, ...sarah } = await Person.signedIn(browser, "Sarah", WITHOUT_WORKER);
  const many = Array.from({ length: 120 }, (_, index) => ({ id: `user-${index}`, name: `Person ${index}` }));
  const dialog = await openDialog(page, [{ id: "a-1", name: "Lena" }, { id: "a-2", name: "Lena" }, ...many]);
  await dialog.getByText("The first 100 of 122 people.").waitFor();
  assert.equal((await names(dialog)).length, 100);
  await dialog.getByRole("searchbox").fill("Person 119");
  await dialog.getByRole("checkbox", { name: "Person 119" }).waitFor();
  await dialog.getByRole("searchbox").fill("lena");
  await dialog.getByText("2 people").waitFor();
  assert.deepEqual(await dialog.locator(".choice small").allTextContents(), ["ID a-1", "ID a-2"]);
  assert.deepEqual(sarah.errors, []);
  await page.context().close();
});

test("an error can be retried, and without other people one can still add somebody by ID", async () => {
  const { page, ...sarah } = await Person.signedIn(browser, "Sarah", WITHOUT_WORKER);
  await page.route(PEOPLE, (route) => route.abort("internetdisconnected"));
  await page.getByRole("button", { name: "New conversation" }).click();
  const dialog = page.getByRole("dialog", { name: "New conversation" });
  await dialog.getByRole("alert").getByText("The list of people could not be loaded.").waitFor();
  await page.unroute(PEOPLE);
  await page.route(PEOPLE, (route) => fulfill(route, [{ id: idOf("Sarah"), name: "Sarah" }]));
  await dialog.getByRole("button", { name: "Try again" }).click();
  await dialog.getByText("Nobody else has signed in yet.").waitFor();
  assert.equal(await dialog.getByRole("alert").count(), 0);
  await dialog.getByText("Add someone by ID").click();
  await dialog.getByLabel("User ID").fill(` ${idOf("Dad")} `);
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.getByRole("button", { name: "Start" }).click();
  await page.getByRole("heading", { name: "Dad" }).waitFor();
  assert.deepEqual(sarah.errors, []);
  await page.context().close();
});

/** Opens the dialog for a new conversation, with these people in place of the server's. */
async function openDialog(page: Page, people?: { id: string; name: string }[]): Promise<Locator> {
  if (people) await page.route(PEOPLE, (route) => fulfill(route, people));
  const answered = page.waitForEvent("requestfinished", (request) => PEOPLE.test(request.url()));
  await page.getByRole("button", { name: "New conversation" }).click();
  await answered;
  const dialog = page.getByRole("dialog", { name: "New conversation" });
  const other = people?.find(({ id }) => id !== idOf("Sarah"));
  await dialog
    .getByRole("checkbox", { name: other?.name ?? "" })
    .first()
    .waitFor();
  await page.evaluate(() => new Promise(requestAnimationFrame)); // the page has shown the answer
  return dialog;
}

function fulfill(route: Parameters<Parameters<Page["route"]>[1]>[0], people: { id: string; name: string }[]) {
  const shown = people.map(({ id, name }) => ({ id, name }));
  return route.fulfill({ headers: { "access-control-allow-origin": "*" }, json: { people: shown, nextCursor: null } });
}

/** Returns the names in the list of people, in order. */
function names(dialog: Locator): Promise<string[]> {
  return dialog.locator(".choice label > span:last-of-type").allTextContents();
}

function hasFocus(element: Locator): Promise<boolean> {
  return element.evaluate((node) => node === document.activeElement);
}
