import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, before, type TestContext, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launch, newThread, Person, sendMessage, TIMEOUT_MS, waitUntil } from "./browser.ts";
import { buildPage, PageServer } from "./page-server.ts";

let browser: Browser;
let first: string;
let second: string;
before(async () => {
  browser = await launch();
  [first, second] = [await buildPage("The first one."), await buildPage("The second one.")];
});
after(async () => {
  await browser.close();
  for (const folder of [first, second]) rmSync(folder, { recursive: true });
});

test("the page opens offline, and works again when the network is back", async () => {
  const title = `Offline ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  const sarah = await Person.signedIn(browser, "Sarah");
  await sarah.openThread(title);
  await waitForCaches(sarah.page, 1);
  await sarah.page.context().setOffline(true);
  await sarah.page.reload();
  await sarah.page.getByRole("heading", { name: "Hearth", exact: true }).waitFor();
  await sarah.waitForConnection("Offline");
  await sarah.page.context().setOffline(false);
  await sarah.waitForConnection("Live");
  await sendMessage("Michael", thread, "Welcome back");
  await sarah.waitForMessage("Welcome back");
  await sarah.close();
});

test("what the page keeps for a start without a network has no password, no token, and no answer of the API", async () => {
  const title = `Kept ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  const sarah = await Person.signedIn(browser, "Sarah");
  await sendMessage("Michael", thread, "Not cached");
  await sarah.openThread(title);
  await sarah.waitForMessage("Not cached");
  await waitForCaches(sarah.page, 1);
  const { urls, config } = await sarah.page.evaluate(async () => {
    const [name = ""] = await caches.keys();
    const requests = await (await caches.open(name)).keys();
    return { urls: requests.map(({ url }) => new URL(url).pathname), config: localStorage.getItem("hearth-config") };
  });
  assert.ok(urls.includes("/"));
  for (const url of urls) assert.match(url, /^\/($|assets\/|favicon)/);
  assert.match(config ?? "", /apiUrl/);
  assert.doesNotMatch(config ?? "", /password|eyJ/);
  await sarah.close();
});

test("a new deployment is used at the next navigation, also offline, and leaves nothing of the old one", async (context) => {
  const { server, page } = await openDeployment(context);
  const old = await cacheNames(page);
  server.folder = second;
  await page.reload();
  await page.getByText("The second one.").waitFor();
  await waitUntil("only the new deployment is cached", async () => {
    const names = await cacheNames(page);
    return names.length === 1 && names[0] !== old[0];
  });
  server.stop();
  await page.reload();
  await page.getByText("The second one.").waitFor();
  await page.context().close();
});

test("while a page of the old deployment is open, its files stay, and the new page works as well", async (context) => {
  const { server, page } = await openDeployment(context);
  const script = await page.locator("script[type=module]").getAttribute("src");
  server.folder = second;
  const other = await page.context().newPage();
  await other.goto(server.url);
  await other.getByText("The second one.").waitFor();
  await waitForCaches(other, 2);
  assert.equal((await fetch(new URL(script ?? "", server.url))).status, 404, "the server has deleted the old files");
  const statusOf = (url: string) => fetch(url).then(({ status }) => status);
  assert.equal(await page.evaluate(statusOf, script ?? ""), 200);

  // When the last page of the old deployment is closed, a reload of the new page activates the new service worker.
  await page.close();
  await other.reload();
  await waitForCaches(other, 1);
  await other.getByText("The second one.").waitFor();
  await other.context().close();
});

test("the page opens from the cache if the server does not answer", async (context) => {
  const { server, page } = await openDeployment(context);
  server.hangs = true;
  await page.reload({ waitUntil: "commit" });
  await page.getByText("The first one.").waitFor();
  await page.context().close();
});

test("the page can be installed as an app, with icons of all kinds", async (context) => {
  const { server, page } = await openDeployment(context);
  const session = await page.context().newCDPSession(page);
  const { data = "", errors } = await session.send("Page.getAppManifest");
  assert.deepEqual(errors, []);
  const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
  const reasons = installabilityErrors.map(({ errorId }) => errorId);
  assert.deepEqual(reasons, ["in-incognito"], "the tests' browser cannot install anything");
  const icons: { src: string; sizes: string; purpose?: string }[] = JSON.parse(data).icons;
  assert.ok(icons.some(({ purpose }) => purpose === "maskable"));
  icons.push({ src: (await page.locator("link[rel=apple-touch-icon]").getAttribute("href")) ?? "", sizes: "180x180" });
  icons.push({ src: "./icons/badge-96.png", sizes: "96x96" });
  for (const { src, sizes } of icons.filter(({ sizes }) => sizes !== "any")) {
    const size = await page.evaluate(async (url) => {
      const { width, height } = await createImageBitmap(await (await fetch(url)).blob());
      return `${width}x${height}`;
    }, new URL(src, server.url).href);
    assert.equal(size, sizes, src);
  }
  await page.context().close();
});

/** Opens the first deployment of the page on a server of its own, and waits until the browser has cached it. */
async function openDeployment(context: TestContext): Promise<{ server: PageServer; page: Page }> {
  const server = new PageServer(first);
  await server.start();
  context.after(() => server.stop());
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  await page.goto(server.url);
  await page.getByText("The first one.").waitFor();
  await waitForCaches(page, 1);
  await page.evaluate(() => navigator.serviceWorker.ready);
  return { server, page };
}

/** Waits until the browser has cached this number of deployments. */
async function waitForCaches(page: Page, expected: number): Promise<void> {
  await waitUntil(`${expected} cached deployments`, async () => (await cacheNames(page)).length === expected);
  await page.evaluate(() => navigator.serviceWorker.ready);
}

function cacheNames(page: Page): Promise<string[]> {
  return page.evaluate(() => caches.keys());
}
