import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { launch, PATIENCE, stack } from "./browser.ts";
import { drawLake } from "./photo.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript" };

let browser: Browser;
let project: string;
before(async () => {
  // A page that a test answers for comes from no address, so that Chromium takes it for one of the internet.
  browser = await launch("--disable-features=LocalNetworkAccessChecks");
  project = mkdtempSync(join(tmpdir(), "hearth-guide-"));
});
after(async () => {
  rmSync(project, { recursive: true });
  await browser.close();
});

/** The files of a text: its fenced blocks that name one; several of the same file follow each other. */
function files(markdown: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name = "", content = ""] of markdown.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms))
    found.set(name, `${found.get(name) ?? ""}${content}\n`);
  return found;
}

test("the page that docs/frontend.md builds is a chat", async () => {
  const code = files(readFileSync(join(ROOT, "docs/frontend.md"), "utf8"));
  assert.deepEqual([...code.keys()], ["index.html", "main.js"]);
  for (const [name, content] of code) writeFileSync(join(project, name), content);
  mkdirSync(join(project, "node_modules"));
  symlinkSync(join(ROOT, "web/hearth-client"), join(project, "node_modules/hearth-client"));
  const vite = join(ROOT, "web/node_modules/vite/bin/vite.js");
  execFileSync(process.execPath, [vite, "build", "--base", "./", "--logLevel", "error"], {
    cwd: project,
    stdio: "inherit",
  });

  const [sarah, michael] = [await open("Sarah"), await open("Michael")];
  await sarah.getByText("live", { exact: true }).waitFor();
  const word = crypto.randomUUID();
  await sarah.getByLabel("Message").fill(`Dinner at 6? ${word}`);
  await sarah.getByRole("button", { name: "Send" }).click();
  await michael.getByText(`Sarah: Dinner at 6? ${word}`).waitFor();

  const buffer = await drawLake(michael, 400, 300);
  await michael.getByLabel("Photo").setInputFiles({ name: `${word}.jpg`, mimeType: "image/jpeg", buffer });
  for (const page of [sarah, michael]) {
    const image = page.getByRole("img", { name: `${word}.jpg` });
    await image.waitFor();
    await page.waitForFunction((image) => (image as HTMLImageElement).naturalWidth > 0, await image.elementHandle());
    await page.context().close();
  }
});

/** The built page, as if the local cloud's server had it: of an origin that the API knows. */
async function open(name: string): Promise<Page> {
  const context = await browser.newContext();
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  await page.route(`${stack.pageUrl}/guide/**`, (route) => {
    const path = new URL(route.request().url()).pathname.replace("/guide/", "") || "index.html";
    if (path === "config.json") return route.fulfill({ json: config });
    return route.fulfill({ body: readFileSync(join(project, "dist", path)), contentType: TYPES[extname(path)] ?? "" });
  });
  const config = await (await fetch(`${stack.pageUrl}/config.json`)).json();
  await page.goto(`${stack.pageUrl}/guide/?as=${name}`);
  return page;
}
