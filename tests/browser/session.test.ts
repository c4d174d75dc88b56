import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launch, Person, stack, TIMEOUT_MS } from "./browser.ts";

const CORS = { "access-control-allow-origin": "*" };

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("a new tab and a restarted browser stay signed in", async () => {
  const person = await Person.signedIn(browser, "Sarah");
  const tab = await openTab(person);
  await signedIn(tab);
  // A browser that is closed keeps `localStorage`, but not `sessionStorage`.
  const kept = await person.page.context().storageState();
  await person.close();
  const context = await browser.newContext({ storageState: kept });
  const page = await context.newPage();
  await page.goto(stack.pageUrl);
  await signedIn(page);
  await context.close();
});

test("without staying signed in, the session is only in its tab, and two tabs can have two users", async () => {
  const person = await Person.open(browser, "Sarah");
  await person.page.getByLabel("Stay signed in").uncheck();
  await person.signIn();
  const tab = await openTab(person);
  await tab.getByLabel("Stay signed in").uncheck();
  await tab.getByRole("button", { name: "Sign in as Michael" }).click();
  await signedIn(tab, "Michael");
  await person.page.reload();
  await signedIn(person.page, "Sarah");
  assert.equal(await person.page.evaluate(() => localStorage.getItem("hearth-session")), null);
  await tab.getByRole("button", { name: "Sign out" }).click();
  await tab.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  await person.page.reload();
  await signedIn(person.page, "Sarah");
  await person.close();
});

test("tabs that renew their tokens at the same time use each refresh token once", async () => {
  const person = await Person.signedIn(browser, "Sarah");
  const context = person.page.context();
  const tab = await openTab(person);
  for (const page of [person.page, tab]) await live(page); // no request is under way
  const original = await refreshToken(person.page);
  // Answers like a user pool that rotates refresh tokens: each is accepted once, and every answer has a new one.
  const used: string[] = [];
  await context.route(`${stack.endpointUrl}/`, async (route) => {
    const content = route.request().postDataJSON() as { RefreshToken?: string };
    if (!content?.RefreshToken) return route.fallback();
    const again = used.includes(content.RefreshToken);
    used.push(content.RefreshToken);
    const json = { __type: "RefreshTokenReuseException", message: "Refresh token reuse detected" };
    if (again) return route.fulfill({ status: 400, headers: CORS, json });
    const response = await route.fetch({ postData: JSON.stringify({ ...content, RefreshToken: original }) });
    const { AuthenticationResult: result } = await response.json();
    await route.fulfill({
      headers: CORS,
      json: { AuthenticationResult: { ...result, RefreshToken: `rotated-${used.length}` } },
    });
  });
  await expire(context);
  await Promise.all([person.page.reload(), tab.reload()]);
  for (const page of [person.page, tab]) await live(page);
  // Each tab whose token is refused asks for a new one.
  for (const page of [person.page, tab]) await refuseOnce(page);
  await Promise.all([person.page.reload(), tab.reload()]);
  for (const page of [person.page, tab]) await live(page);
  assert.equal(new Set(used).size, used.length, used.join());
  assert.ok(used.length >= 2);
  assert.equal(await refreshToken(person.page), `rotated-${used.length}`);
  await context.unrouteAll();
  await person.close();
});

test("signing in and out in one tab signs in and out in the others, and says why", async () => {
  const person = await Person.open(browser, "Sarah");
  const tab = await openTab(person);
  await tab.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  await person.signIn();
  await signedIn(tab);
  await person.page.getByRole("button", { name: "Sign out" }).click();
  await tab.getByText("You have signed out in another tab of this browser.").waitFor();
  assert.equal(await person.page.getByText("in another tab").count(), 0, "only other tabs say this");
  await tab.reload();
  await tab.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  await person.close();
});

test("when somebody else signs in in another tab, the page says so and lets the user choose", async () => {
  const person = await Person.open(browser, "Sarah");
  await person.page.getByLabel("Stay signed in").uncheck();
  await person.signIn();
  const tab = await openTab(person);
  await tab.getByRole("button", { name: "Sign in as Michael" }).click();
  await signedIn(tab, "Michael");
  await person.page.getByRole("button", { name: "Sign out" }).click();
  await person.page.getByRole("button", { name: "Continue as Michael" }).waitFor();
  await person.signIn(); // now with "Stay signed in", so for all tabs of the browser
  await person.page.reload();
  await signedIn(person.page, "Sarah");
  // Sarah's first session was only in its tab. On the new sign-in page, "Stay signed in" was checked again, so her
  // second session has replaced Michael's in all tabs.
  await tab.getByText("Somebody else has signed in in another tab of this browser.").waitFor();
  await tab.getByRole("button", { name: "Continue as Sarah" }).click();
  await signedIn(tab, "Sarah");
  await person.close();
});

test("signing out on all devices ends the sessions of other devices", async () => {
  const phone = await Person.signedIn(browser, "Sarah");
  await live(phone.page);
  const laptop = await Person.signedIn(browser, "Sarah");
  await laptop.page.getByRole("button", { name: "Your account" }).click();
  const { page } = laptop;
  const context = page.context();
  const call = (name: string) =>
    page.waitForRequest((request) => request.headers()["x-amz-target"]?.endsWith(name) ?? false);
  await context.route(`${stack.endpointUrl}/`, (route) => route.abort("internetdisconnected"));
  await page.getByRole("button", { name: "Sign out on all devices" }).click();
  const dialog = page.getByRole("dialog", { name: "Sign out" });
  await dialog.getByRole("button", { name: "Sign out" }).click();
  await dialog
    .getByText("You could not be signed out on all devices. The sign-in service cannot be reached.")
    .waitFor();
  await context.unrouteAll();
  const revoked = call("GlobalSignOut");
  await dialog.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("You are signed out on all devices.").waitFor();
  await revoked;
  await expire(phone.page.context());
  await phone.page.reload();
  await phone.page.getByText("Your session has expired, or was ended on another device.").waitFor();
  await phone.close();
  await laptop.close();
});

async function openTab(person: Person): Promise<Page> {
  const tab = await person.page.context().newPage();
  tab.setDefaultTimeout(TIMEOUT_MS);
  await tab.goto(stack.pageUrl);
  return tab;
}

async function signedIn(page: Page, name = "Sarah"): Promise<void> {
  await page.getByRole("button", { name: `Your account: ${name}` }).waitFor();
}

/** Waits until the list of conversations is loaded, which needs a valid token. */
async function live(page: Page): Promise<void> {
  await page.locator(".connection[data-status=live]").waitFor({ state: "attached" });
}

/** Makes the server refuse the page's next request for the list of conversations, as if its token were not valid. */
async function refuseOnce(page: Page): Promise<void> {
  let refused = false;
  await page.route(/\/api\/threads(\?|$)/, (route) => {
    if (refused || route.request().method() !== "GET") return route.fallback();
    refused = true;
    return route.fulfill({ status: 401, headers: CORS, json: { message: "Unauthorized" } });
  });
}

function refreshToken(page: Page): Promise<string> {
  return page.evaluate(() => JSON.parse(localStorage.getItem("hearth-session") ?? "").refreshToken);
}

/** Replaces the stored ID token by one that expired in 2001. */
async function expire(context: BrowserContext): Promise<void> {
  const [page] = context.pages();
  await page?.evaluate(() => {
    const tokens = JSON.parse(localStorage.getItem("hearth-session") ?? "");
    const [head, payload, signature] = tokens.idToken.split(".");
    const claims = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    const expired = btoa(JSON.stringify({ ...claims, exp: 1e9 }));
    localStorage.setItem(
      "hearth-session",
      JSON.stringify({ ...tokens, idToken: [head, expired, signature].join(".") }),
    );
  });
}
