import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Route, WebSocketRoute } from "playwright-core";
import { launch, newThread, Person, sendMessage, waitUntil } from "./browser.ts";

const MESSAGES = /\/api\/threads\/[^/]+\/messages$/;

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("after a time offline, all messages are there exactly once and in the same order", async () => {
  const { sarah, michael, thread } = await openForBoth("Offline");
  await sarah.send("Before");
  await michael.waitForMessage("Before");

  await michael.page.context().setOffline(true);
  await michael.waitForConnection("Offline");
  for (const body of ["One", "Two", "Three"]) await sendMessage("Sarah", thread, body);
  await michael.send("From the tunnel");
  await michael.send("Still in it");
  await sarah.waitForMessage("Three");
  assert.deepEqual(await michael.messageTexts(), ["Before", "From the tunnel", "Still in it"]);
  assert.equal(await michael.page.locator("li.message[data-state=sending]").count(), 2);

  await michael.page.context().setOffline(false);
  await michael.waitForConnection("Live");
  await michael.waitForMessage("Still in it");
  await sarah.waitForMessage("Still in it");
  const expected = ["Before", "One", "Two", "Three", "From the tunnel", "Still in it"];
  assert.deepEqual(await michael.messageTexts(), expected);
  assert.deepEqual(await sarah.messageTexts(), expected);
  await sarah.close();
  await michael.close();
});

test("a socket that is closed, duplicates frames or loses frames causes no lost or duplicate messages", async () => {
  let socket: WebSocketRoute | undefined;
  let connections = 0;
  let forward: (frame: string) => string[] = (frame) => [frame];
  const { sarah, michael, thread } = await openForBoth("Sockets", async (page) => {
    await page.routeWebSocket(/hearth-ws/, (route) => {
      connections += 1;
      socket = route;
      const server = route.connectToServer();
      server.onMessage((frame) => {
        for (const copy of forward(String(frame))) route.send(copy);
      });
    });
  });
  await michael.waitForConnection("Live");

  forward = (frame) => [frame, frame];
  await sendMessage("Sarah", thread, "Doubled");
  await michael.waitForMessage("Doubled");
  // The frame of the first message is lost. The second message arrives and reveals the gap.
  forward = (frame) => (frame.includes("Swallowed") ? [] : [frame]);
  await sendMessage("Sarah", thread, "Swallowed");
  await sendMessage("Sarah", thread, "Arrived");
  await michael.waitForMessage("Arrived");
  await michael.waitForMessage("Swallowed");
  forward = (frame) => [frame];

  const before = connections;
  await socket?.close({ code: 1001, reason: "Going away" });
  await sendMessage("Sarah", thread, "Meanwhile");
  await michael.waitForMessage("Meanwhile");
  await waitUntil("the page has opened a new socket", async () => connections > before);
  await michael.waitForConnection("Live");
  await sarah.send("Live again");
  await michael.waitForMessage("Live again");
  assert.deepEqual(await michael.messageTexts(), ["Doubled", "Swallowed", "Arrived", "Meanwhile", "Live again"]);
  await sarah.close();
  await michael.close();
});

test("a send whose response is lost is retried automatically and creates one message", async () => {
  const { sarah, michael } = await openForBoth("Lost answer");
  let losses = 2;
  const keys = new Set<string>();
  await sarah.page.route(MESSAGES, async (route) => {
    if (route.request().method() !== "POST") return route.fallback();
    keys.add((await route.request().headerValue("idempotency-key")) ?? "");
    if (losses === 0) return route.fallback();
    losses -= 1;
    await route.fetch(); // the server commits the message, and only the response is lost
    await route.abort("connectionreset");
  });
  await sarah.send("Exactly once");
  await sarah.waitForMessage("Exactly once");
  await sarah.send("And then this");
  await michael.waitForMessage("And then this");
  assert.equal(losses, 0);
  assert.equal(keys.size, 2);
  for (const person of [sarah, michael])
    assert.deepEqual(await person.messageTexts(), ["Exactly once", "And then this"]);
  await sarah.close();
  await michael.close();
});

test("a refused message shows the reason and can be retried, edited or discarded", async () => {
  const { sarah, michael } = await openForBoth("Refused");
  const refuse = (route: Route) =>
    route.request().method() !== "POST"
      ? route.fallback()
      : route.fulfill({
          status: 400,
          contentType: "application/problem+json",
          headers: { "access-control-allow-origin": "*" },
          json: {
            type: "about:blank",
            title: "Bad Request",
            status: 400,
            code: "invalid_request",
            detail: "Not on a Sunday.",
          },
        });
  await sarah.page.route(MESSAGES, refuse);
  await sarah.send("Refused at first");
  const failed = sarah.message("Refused at first");
  await failed.getByText("Not sent: Not on a Sunday.").waitFor();
  await sarah.send("Refused for good");
  await sarah.message("Refused for good").getByRole("button", { name: "Discard" }).click();
  await sarah.message("Refused for good").waitFor({ state: "detached" });
  await sarah.send("Refused as it was");
  await sarah.message("Refused as it was").getByRole("button", { name: "Edit" }).click();
  await sarah.message("Refused as it was").waitFor({ state: "detached" });
  assert.equal(await sarah.page.getByRole("textbox", { name: "Message" }).inputValue(), "Refused as it was");

  await sarah.page.unroute(MESSAGES, refuse);
  await failed.getByRole("button", { name: "Try again" }).click();
  await sarah.waitForMessage("Refused at first");
  await michael.waitForMessage("Refused at first");
  assert.deepEqual(await michael.messageTexts(), ["Refused at first"]);
  await sarah.close();
  await michael.close();
});

test("a message that was not sent before a reload is sent after it", async () => {
  const { sarah, michael } = await openForBoth("Reload");
  const disconnect = (route: Route) =>
    route.request().method() === "POST" ? route.abort("internetdisconnected") : route.fallback();
  await sarah.page.route(MESSAGES, disconnect);
  await sarah.send("Kept over a reload");
  await sarah.message("Kept over a reload").getByText("trying again").waitFor();
  await sarah.page.reload();
  await sarah.message("Kept over a reload").waitFor();
  await sarah.page.unroute(MESSAGES, disconnect);
  await michael.waitForMessage("Kept over a reload");
  await sarah.waitForMessage("Kept over a reload");
  for (const person of [sarah, michael]) assert.deepEqual(await person.messageTexts(), ["Kept over a reload"]);
  await sarah.close();
  await michael.close();
});

/**
 * Creates a conversation and opens it as Sarah and as Michael. Calls `prepare` with Michael's page before he signs in.
 */
async function openForBoth(title: string, prepare?: (page: Person["page"]) => Promise<void>) {
  const unique = `${title} ${crypto.randomUUID()}`;
  const thread = await newThread(unique, "Sarah", "Michael");
  const sarah = await Person.signedIn(browser, "Sarah");
  const michael = await Person.open(browser, "Michael");
  await prepare?.(michael.page);
  await michael.signIn();
  for (const person of [sarah, michael]) {
    await person.openThread(unique);
    await person.waitForConnection("Live");
  }
  return { sarah, michael, thread };
}
