import assert from "node:assert/strict";
import { get } from "node:http";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch, Person, stack, waitUntil } from "./browser.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const [sarah] = stack.users;

test("the logo is shown while the scripts load, and only then", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  let load = () => {};
  const mayLoad = new Promise<void>((resolve) => {
    load = resolve;
  });
  await page.route(/\/assets\/page-.*\.js$/, async (route) => {
    await mayLoad;
    await route.continue();
  });
  await page.goto(stack.pageUrl, { waitUntil: "commit" });
  await page.locator(".splash").waitFor();
  load();
  await page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  assert.equal(await page.locator(".splash").count(), 0);
  await context.close();
});

test("sign-in with e-mail and password works, a wrong password shows an error, and sign-out revokes the session", async () => {
  const person = await Person.open(browser, "Sarah");
  await person.page.getByLabel("E-mail").fill(sarah?.email ?? "");
  await person.page.getByLabel("Password").fill("not the password");
  await person.page.getByRole("button", { name: "Sign in", exact: true }).click();
  await person.page.getByRole("alert").waitFor();
  assert.equal(
    await person.page.getByLabel("E-mail").inputValue(),
    sarah?.email,
    "the form must keep the e-mail address",
  );

  await person.page.getByLabel("Password").fill(sarah?.password ?? "");
  await person.page.getByRole("button", { name: "Sign in", exact: true }).click();
  await person.waitForConnection("Live");
  await person.page.reload();
  await person.waitForConnection("Live");

  const stored = await person.page.evaluate(() => localStorage.getItem("hearth-session"));
  const revoked = person.page.waitForResponse(
    (response) => response.request().postData()?.includes(`"Token"`) ?? false,
  );
  await person.page.getByRole("button", { name: "Sign out" }).click();
  await person.page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  await revoked;
  // A copy of the session from before the sign-out must not sign the user in again.
  const copy = { ...JSON.parse(stored ?? ""), idToken: expired(JSON.parse(stored ?? "").idToken) };
  await person.page.evaluate((copy) => localStorage.setItem("hearth-session", copy), JSON.stringify(copy));
  await person.page.reload();
  await person.page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  await person.page.reload();
  await person.page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  await person.close();
});

test("signing out does not warn if Cognito answers with an empty body", async () => {
  const person = await Person.signedIn(browser, "Sarah");
  const warnings: string[] = [];
  person.page.on("console", (message) => {
    if (message.type() === "warning") warnings.push(message.text());
  });
  let status = 200;
  await person.page.route(`${stack.endpointUrl}/`, (route) => {
    if (!route.request().postData()?.includes(`"Token"`)) return route.fallback();
    return route.fulfill({ status, headers: { "access-control-allow-origin": "*" }, body: "" });
  });
  for (const expected of [[], [/could not be revoked/]]) {
    await person.waitForConnection("Live"); // Chromium warns if a socket is closed while it connects
    const revoked = person.page.waitForEvent("requestfinished", (request) =>
      Boolean(request.postData()?.includes(`"Token"`)),
    );
    await person.page.getByRole("button", { name: "Sign out" }).click();
    await revoked;
    await waitUntil("the page has processed the answer", async () => warnings.length >= expected.length);
    // Wait for a request that starts after the revocation, so that the page has processed its answer.
    await person.page.evaluate(() => fetch("config.json").then((response) => response.text()));
    assert.equal(warnings.length, expected.length, warnings.join());
    for (const [index, text] of expected.entries()) assert.match(warnings[index] ?? "", text);
    status = 400; // an error without a body must still be reported
    await person.signIn();
  }
  await person.close();
});

test("a first sign-in with a temporary password asks for a new one", async () => {
  const person = await Person.open(browser, "Sarah");
  const requests: { action: string; content: Record<string, unknown> }[] = [];
  // Answers like Cognito for a user that an administrator has created: the user must choose a password.
  await person.page.route(`${stack.endpointUrl}/`, async (route) => {
    const action = (await route.request().headerValue("x-amz-target"))?.replace(/.*\./, "") ?? "";
    if (route.request().method() !== "POST") return route.fallback();
    requests.push({ action, content: route.request().postDataJSON() });
    const headers = { "access-control-allow-origin": "*" };
    if (action === "InitiateAuth")
      return route.fulfill({ headers, json: { ChallengeName: "NEW_PASSWORD_REQUIRED", Session: "session-1" } });
    await route.fulfill({
      headers,
      status: 400,
      json: { __type: "InvalidPasswordException", message: "Password does not conform to policy" },
    });
  });
  await person.page.getByLabel("E-mail").fill("new@hearth.example");
  await person.page.getByLabel("Password").fill("Temporary-1");
  await person.page.getByRole("button", { name: "Sign in", exact: true }).click();
  await person.page.getByRole("heading", { name: "Choose a password" }).waitFor();
  await person.page.getByLabel("New password").fill("short");
  await person.page.getByRole("button", { name: "Save and sign in" }).click();
  await person.page.getByText("Password does not conform to policy").waitFor();
  assert.deepEqual(requests[1], {
    action: "RespondToAuthChallenge",
    content: {
      ClientId: stack.clientId,
      ChallengeName: "NEW_PASSWORD_REQUIRED",
      Session: "session-1",
      ChallengeResponses: { USERNAME: "new@hearth.example", NEW_PASSWORD: "short" },
    },
  });
  await person.close();
});

test("a refused token is renewed, and an ended session leads to the sign-in page", async () => {
  const person = await Person.open(browser, "Sarah");
  const renewals: string[] = [];
  person.page.on("request", (request) => {
    if (request.postData()?.includes(`"RefreshToken"`)) renewals.push(request.url());
  });
  let refusals = 1;
  await person.page.route(/\/api\/threads(\?|$)/, (route) => {
    if (route.request().method() !== "GET" || refusals === 0) return route.fallback();
    refusals -= 1;
    return route.fulfill({
      status: 401,
      headers: { "access-control-allow-origin": "*" },
      json: { message: "Unauthorized" },
    });
  });
  await person.signIn();
  await person.waitForConnection("Live");
  assert.equal(renewals.length, 1);

  await person.page.evaluate(() => {
    const tokens = JSON.parse(localStorage.getItem("hearth-session") ?? "");
    localStorage.setItem("hearth-session", JSON.stringify({ ...tokens, refreshToken: "an invalid token" }));
  });
  refusals = 1;
  await person.page.reload();
  await person.page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  await person.close();
});

test("throttling by the user pool does not end the session, and a renewal does not undo a sign-out", async () => {
  const person = await Person.signedIn(browser, "Sarah");
  let throttled = 2;
  let answer: (() => void) | undefined;
  await person.page.route(`${stack.endpointUrl}/`, async (route) => {
    if (!route.request().postData()?.includes(`"RefreshToken"`)) return route.fallback();
    if (throttled === 0) {
      const response = await route.fetch(); // the request is sent now, while the token is not revoked yet
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return route.fulfill({ response });
    }
    throttled -= 1;
    return route.fulfill({
      status: 400,
      headers: { "access-control-allow-origin": "*" },
      json: { __type: "TooManyRequestsException", message: "Rate exceeded" },
    });
  });
  await person.page.evaluate(
    (idToken) => {
      const tokens = JSON.parse(localStorage.getItem("hearth-session") ?? "");
      localStorage.setItem("hearth-session", JSON.stringify({ ...tokens, idToken }));
    },
    expired(await idToken(person)),
  );
  await person.page.reload();
  await waitUntil("the page renews the token again", async () => answer !== undefined);
  await person.page.getByRole("button", { name: "Sign out" }).click();
  await person.page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  const renewed = person.page.waitForEvent("requestfinished", (request) =>
    Boolean(request.postData()?.includes(`"RefreshToken"`)),
  );
  answer?.();
  await renewed;
  // Wait for a request that starts after the token renewal. When this request is done, the page has processed the
  // renewed token.
  await person.page.evaluate(() => fetch("config.json").then((response) => response.text()));
  assert.equal(await person.page.evaluate(() => localStorage.getItem("hearth-session")), null);
  await person.page.reload();
  await person.page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  await person.close();
});

test("invalid data in the browser's storage does not break the page", async () => {
  const person = await Person.signedIn(browser, "Sarah");
  await person.page.evaluate(() => localStorage.setItem("hearth-session", "{}"));
  await person.page.reload();
  await person.signIn();
  await person.close();
});

test("the page is served only under its own host names", async () => {
  const { hostname, port } = new URL(stack.pageUrl);
  for (const [host, status] of [
    [`localhost:${port}`, 200],
    ["rebound.example", 421],
  ] as const) {
    const actual = await new Promise((resolve, reject) => {
      const request = get({ hostname, port, path: "/config.json", headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on("error", reject);
    });
    assert.equal(actual, status, host);
  }
});

/** Returns a token with the same claims, except that it expired in 2001. */
function expired(token: string): string {
  const [head, payload = "", signature] = token.split(".");
  const claims = { ...JSON.parse(Buffer.from(payload, "base64url").toString()), exp: 1e9 };
  return [head, Buffer.from(JSON.stringify(claims)).toString("base64url"), signature].join(".");
}

async function idToken(person: Person): Promise<string> {
  return JSON.parse((await person.page.evaluate(() => localStorage.getItem("hearth-session"))) ?? "").idToken;
}

test("an incomplete configuration is reported on the page", async () => {
  const page = await browser.newPage();
  await page.route(/config\.json$/, (route) => route.fulfill({ json: { apiUrl: "http://127.0.0.1:1", users: [] } }));
  await page.goto(stack.pageUrl);
  await page
    .getByRole("alert")
    .getByText("These fields are missing in config.json: wsUrl, region, clientId.")
    .waitFor();
  await page.close();
});

test("only the page's files and its config.json are served", async () => {
  const config = await (await fetch(`${stack.pageUrl}/config.json`)).json();
  assert.deepEqual(Object.keys(config as object).sort(), [
    "apiUrl",
    "clientId",
    "cognitoUrl",
    "region",
    "users",
    "wsUrl",
  ]);
  for (const path of ["stack.json", "cloud.log", "../stack.json", "%2e%2e/stack.json", "assets/", "src/main.tsx"]) {
    assert.equal((await fetch(`${stack.pageUrl}/${path}`)).status, 404, path);
  }
});
