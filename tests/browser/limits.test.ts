import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page, WebSocketRoute } from "playwright-core";
import { launch, newThread, Person, stack } from "./browser.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("a message beyond the limit says when it is sent, and is sent then", async () => {
  const title = `Limit ${crypto.randomUUID()}`;
  await newThread(title, "Sarah", "Michael");
  const person = await Person.signedIn(browser, "Sarah");
  await person.openThread(title);
  const times: number[] = [];
  person.page.on("request", (request) => {
    if (request.method() === "POST" && request.url().endsWith("/messages")) times.push(Date.now());
  });
  await refuse(person.page, /\/messages$/, { status: 429, code: "rate_limited", retryAfter: 4 });
  await person.send("One too many");
  const waiting = person.message("One too many");
  await waiting
    .getByText(/^You have sent many messages in a short time\. This one is sent at \d\d:\d\d:\d\d\.$/)
    .waitFor();
  await person.page.unrouteAll();
  await person.page.evaluate(() => dispatchEvent(new Event("online")));
  await person.send("The next one");
  await person.waitForMessage("One too many");
  await person.waitForMessage("The next one");
  assert.deepEqual(await person.messageTexts(), ["One too many", "The next one"]);
  const [first = 0, second = 0] = times;
  assert.equal(times.length, 3);
  assert.ok(second - first >= 4_000, `sent again after ${second - first} ms`);
  await person.close();
});

test("limits per day are explained, with the time, and nothing is lost", async () => {
  const title = `Quota ${crypto.randomUUID()}`;
  await newThread(title, "Sarah", "Michael");
  const person = await Person.signedIn(browser, "Sarah");
  await person.openThread(title);
  const explained =
    /You have reached today's limit for new conversations or files\. Try again (tomorrow )?at \d\d:\d\d\./;
  await refuse(person.page, /\/api\/files$/, { status: 429, code: "quota_exceeded", retryAfter: 7_200 });
  const chooser = person.page.waitForEvent("filechooser");
  await person.page.getByRole("button", { name: "Add photos or files" }).click();
  await (await chooser).setFiles([{ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("soup") }]);
  await person.page.locator(".draft", { hasText: "notes.txt" }).getByText(explained).waitFor();
  await person.page.unrouteAll();
  await person.page.getByRole("button", { name: "Try again" }).click();
  await person.page.getByText("Ready to send").waitFor();

  await refuse(person.page, /\/api\/threads$/, { status: 429, code: "quota_exceeded", retryAfter: 7_200 });
  await person.page.getByRole("button", { name: "New conversation" }).click();
  await person.page.getByRole("checkbox", { name: "Michael" }).check();
  await person.page.getByRole("button", { name: "Start" }).click();
  await person.page.getByRole("alert").getByText(explained).waitFor();
  await person.page.unrouteAll();
  await person.page.getByRole("button", { name: "Start" }).click();
  await person.page.getByRole("dialog").waitFor({ state: "detached" });
  await person.close();
});

test("a new conversation names each person who has never signed in", async () => {
  const person = await Person.signedIn(browser, "Sarah");
  const michael = stack.users.find(({ name }) => name === "Michael");
  const fields = [0, 2].map((index) => ({ field: `memberIds[${index}]`, message: "is not known" }));
  await refuse(person.page, /\/api\/threads$/, { status: 422, code: "unknown_member", errors: fields });
  await person.page.getByRole("button", { name: "New conversation" }).click();
  await person.page.getByRole("checkbox", { name: "Michael" }).check();
  for (const id of ["user-200", "user-404"]) await person.addById(id);
  await person.page.getByRole("button", { name: "Start" }).click();
  const alert = person.page.getByRole("alert");
  await alert.getByText("These people have never signed in to Hearth:").waitFor();
  const text = (await alert.textContent()) ?? "";
  assert.ok(text.includes(`Michael, ID ${michael?.id}, user-404. They must sign in once`), text);
  assert.ok(!text.includes("user-200"), text);
  assert.deepEqual(await alert.locator("bdi").allTextContents(), ["Michael", michael?.id, "user-404"]);
  await person.close();
});

test("a page that is displaced by other connections says so, and waits until the user reconnects", async () => {
  let socket: WebSocketRoute | undefined;
  let connections = 0;
  const person = await Person.open(browser, "Sarah");
  await person.page.routeWebSocket(/hearth-ws/, (route) => {
    connections += 1;
    socket = route;
    route.connectToServer();
  });
  const title = `Displaced ${crypto.randomUUID()}`;
  await newThread(title, "Sarah", "Michael");
  await person.signIn();
  await person.openThread(title);
  await person.waitForConnection("Live");
  const before = connections;
  socket?.send(JSON.stringify({ event: "error", data: { code: "too_many_connections", detail: "Too many." } }));
  const state = person.page.locator(".connection:visible");
  await state.getByText("Offline: Hearth is open in too many places").waitFor();
  await state.getByText(/next attempt in [56] min/).waitFor();
  assert.equal(connections, before);
  await state.getByRole("button", { name: "Try now" }).click();
  await person.waitForConnection("Live");
  assert.equal(connections, before + 1);
  await person.close();
});

interface Refusal {
  status: number;
  code: string;
  retryAfter?: number;
  errors?: { field: string; message: string }[];
}

/** Answers the page's POST requests to `url` with a problem document, as the server does. */
async function refuse(page: Page, url: RegExp, { status, code, retryAfter, errors = [] }: Refusal): Promise<void> {
  await page.route(url, (route) => {
    if (route.request().method() !== "POST") return route.fallback();
    return route.fulfill({
      status,
      contentType: "application/problem+json",
      headers: {
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "retry-after",
        ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
      },
      json: { type: "about:blank", title: "Refused", status, code, detail: "Refused.", requestId: "r-1", errors },
    });
  });
}
