import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Route, WebSocketRoute } from "playwright-core";
import { eventually, launch, newThread, Person, say } from "./browser.ts";

const MESSAGES = /\/api\/threads\/[^/]+\/messages$/;

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("without a network for a while, nothing is missing and nothing is there twice", async () => {
  const { sarah, michael, thread } = await pair("Offline");
  await sarah.write("Before");
  await michael.sees("Before");

  await michael.page.context().setOffline(true);
  await michael.connection("Offline");
  for (const body of ["One", "Two", "Three"]) await say("Sarah", thread, body);
  await michael.write("From the tunnel");
  await michael.write("Still in it");
  await sarah.sees("Three");
  assert.deepEqual(await michael.texts(), ["Before", "From the tunnel", "Still in it"]);
  assert.equal(await michael.page.locator("li.message[data-state=sending]").count(), 2);

  await michael.page.context().setOffline(false);
  await michael.connection("Live");
  await michael.sees("Still in it");
  await sarah.sees("Still in it");
  const said = ["Before", "One", "Two", "Three", "From the tunnel", "Still in it"];
  assert.deepEqual(await michael.texts(), said);
  assert.deepEqual(await sarah.texts(), said);
  await sarah.leave();
  await michael.leave();
});

test("a socket that is cut, doubles its frames or loses some is no reason to miss anything", async () => {
  let socket: WebSocketRoute | undefined;
  let connections = 0;
  let pass: (frame: string) => string[] = (frame) => [frame];
  const { sarah, michael, thread } = await pair("Sockets", async (page) => {
    await page.routeWebSocket(/hearth-ws/, (route) => {
      connections += 1;
      socket = route;
      const server = route.connectToServer();
      server.onMessage((frame) => {
        for (const copy of pass(String(frame))) route.send(copy);
      });
    });
  });
  await michael.connection("Live");

  pass = (frame) => [frame, frame];
  await say("Sarah", thread, "Doubled");
  await michael.sees("Doubled");
  // The first one is lost; the second tells that something is missing.
  pass = (frame) => (frame.includes("Swallowed") ? [] : [frame]);
  await say("Sarah", thread, "Swallowed");
  await say("Sarah", thread, "Arrived");
  await michael.sees("Arrived");
  await michael.sees("Swallowed");
  pass = (frame) => [frame];

  const before = connections;
  await socket?.close({ code: 1001, reason: "Going away" });
  await say("Sarah", thread, "Meanwhile");
  await michael.sees("Meanwhile");
  await eventually("there is a new socket", async () => connections > before);
  await michael.connection("Live");
  await sarah.write("Live again");
  await michael.sees("Live again");
  assert.deepEqual(await michael.texts(), ["Doubled", "Swallowed", "Arrived", "Meanwhile", "Live again"]);
  await sarah.leave();
  await michael.leave();
});

test("a send whose answer is lost is tried again by itself, and is there once", async () => {
  const { sarah, michael } = await pair("Lost answer");
  let losses = 2;
  const keys = new Set<string>();
  await sarah.page.route(MESSAGES, async (route) => {
    if (route.request().method() !== "POST") return route.fallback();
    keys.add((await route.request().headerValue("idempotency-key")) ?? "");
    if (losses === 0) return route.fallback();
    losses -= 1;
    await route.fetch(); // it is committed
    await route.abort("connectionreset");
  });
  await sarah.write("Exactly once");
  await sarah.sees("Exactly once");
  await sarah.write("And then this");
  await michael.sees("And then this");
  assert.equal(losses, 0);
  assert.equal(keys.size, 2);
  for (const person of [sarah, michael]) assert.deepEqual(await person.texts(), ["Exactly once", "And then this"]);
  await sarah.leave();
  await michael.leave();
});

test("a send that is refused says why; it is sent again or discarded on request", async () => {
  const { sarah, michael } = await pair("Refused");
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
  await sarah.write("Refused at first");
  const failed = sarah.message("Refused at first");
  await failed.getByText("Not sent: Not on a Sunday.").waitFor();
  await sarah.write("Refused for good");
  await sarah.message("Refused for good").getByRole("button", { name: "Discard" }).click();
  await sarah.message("Refused for good").waitFor({ state: "detached" });
  await sarah.write("Refused as it was");
  await sarah.message("Refused as it was").getByRole("button", { name: "Edit" }).click();
  await sarah.message("Refused as it was").waitFor({ state: "detached" });
  assert.equal(await sarah.page.getByRole("textbox", { name: "Message" }).inputValue(), "Refused as it was");

  await sarah.page.unroute(MESSAGES, refuse);
  await failed.getByRole("button", { name: "Try again" }).click();
  await sarah.sees("Refused at first");
  await michael.sees("Refused at first");
  assert.deepEqual(await michael.texts(), ["Refused at first"]);
  await sarah.leave();
  await michael.leave();
});

test("what was not sent before a reload is sent after it", async () => {
  const { sarah, michael } = await pair("Reload");
  const cut = (route: Route) =>
    route.request().method() === "POST" ? route.abort("internetdisconnected") : route.fallback();
  await sarah.page.route(MESSAGES, cut);
  await sarah.write("Kept over a reload");
  await sarah.message("Kept over a reload").getByText("trying again").waitFor();
  await sarah.page.reload();
  await sarah.message("Kept over a reload").waitFor();
  await sarah.page.unroute(MESSAGES, cut);
  await michael.sees("Kept over a reload");
  await sarah.sees("Kept over a reload");
  for (const person of [sarah, michael]) assert.deepEqual(await person.texts(), ["Kept over a reload"]);
  await sarah.leave();
  await michael.leave();
});

/** Sarah and Michael in a conversation of their own. `prepare` is done to Michael's page before it connects. */
async function pair(title: string, prepare?: (page: Person["page"]) => Promise<void>) {
  const unique = `${title} ${crypto.randomUUID()}`;
  const thread = await newThread(unique, "Sarah", "Michael");
  const sarah = await Person.enter(browser, "Sarah");
  const michael = await Person.open(browser, "Michael");
  await prepare?.(michael.page);
  await michael.signIn();
  for (const person of [sarah, michael]) {
    await person.openThread(unique);
    await person.connection("Live");
  }
  return { sarah, michael, thread };
}
