import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { launch, stack, TIMEOUT_MS, waitUntil } from "./browser.ts";
import { drawLake } from "./photo.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PORT = 5173; // the local cloud accepts requests from pages on this port

let browser: Browser;
/** The folder in which the guide docs/frontend.md starts. It contains the clone `hearth`, and later the new project. */
let folder: string;
before(async () => {
  browser = await launch();
  folder = mkdtempSync(join(tmpdir(), "hearth-guide-"));
  symlinkSync(ROOT.replace(/\/$/, ""), join(folder, "hearth"));
});
after(async () => {
  rmSync(folder, { recursive: true });
  await browser.close();
});

/** Returns the files that the guide contains as fenced blocks with a file name. Blocks of the same file are joined. */
function files(markdown: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name = "", content = ""] of markdown.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms))
    found.set(name, `${found.get(name) ?? ""}${content}\n`);
  return found;
}

/** Returns the shell commands of one step of the guide. They use this test's local cloud instead of the default one. */
function commands(markdown: string, step: string): string {
  const section = markdown.split(/^## /m).find((section) => section.startsWith(step)) ?? "";
  const [, shell] = /^```sh\n(.*?)^```$/ms.exec(section) ?? assert.fail(`The guide's step "${step}" has no commands.`);
  return `set -e\n${shell}`.replaceAll("http://127.0.0.1:4580", stack.pageUrl);
}

test("following docs/frontend.md step by step produces a working chat", async (context) => {
  if (!(await isFree())) return context.skip(`The guide needs port ${PORT}, which another process uses.`);
  const guide = readFileSync(join(ROOT, "docs/frontend.md"), "utf8");
  execFileSync("sh", ["-c", commands(guide, "2. An empty project")], { cwd: folder, stdio: ["ignore", "ignore", 2] });
  const project = join(folder, "chat");
  const code = files(guide);
  assert.deepEqual([...code.keys()], ["index.html", "main.js"]);
  for (const [name, content] of code) writeFileSync(join(project, name), content);

  const run = commands(guide, "9. Run it");
  const vite = spawn("sh", ["-c", run], { cwd: project, stdio: ["ignore", "ignore", 2], detached: true });
  try {
    await waitUntil("Vite answers", async () => {
      assert.equal(vite.exitCode, null, "Vite has exited");
      return fetch(`http://localhost:${PORT}/`).then(
        (response) => response.ok,
        () => false,
      );
    });
    await chatOnBothSides();
  } finally {
    if (vite.exitCode === null) process.kill(-(vite.pid ?? assert.fail()), "SIGTERM"); // also stops its child processes
    await waitUntil("Vite has exited", isFree);
  }
});

/**
 * Opens the guide's page as Sarah and as Michael. Checks that Michael's page shows a text from Sarah's, and that both
 * show a photo and a file from Michael's.
 */
async function chatOnBothSides(): Promise<void> {
  const errors: string[] = [];
  const [sarah, michael] = [await open("Sarah", errors), await open("Michael", errors)];
  await sarah.getByText("live", { exact: true }).waitFor();
  const word = crypto.randomUUID();
  await sarah.getByLabel("Message").fill(`Dinner at 6? ${word}`);
  await sarah.getByRole("button", { name: "Send" }).click();
  await michael.getByText(`Sarah: Dinner at 6? ${word}`).waitFor();

  const buffer = await drawLake(michael, 400, 300);
  const picker = michael.getByLabel("Photo");
  await picker.setInputFiles({ name: `${word}.jpg`, mimeType: "image/jpeg", buffer });
  for (const page of [sarah, michael]) {
    const image = page.getByRole("img", { name: `${word}.jpg` });
    await image.waitFor();
    await page.waitForFunction((image) => (image as HTMLImageElement).naturalWidth > 0, await image.elementHandle());
  }
  // Simulates that the user cancels the file dialog, and then chooses a file that has no thumbnail.
  await picker.dispatchEvent("change");
  await picker.setInputFiles({ name: `${word}.txt`, mimeType: "text/plain", buffer: Buffer.from("milk") });
  for (const page of [sarah, michael]) {
    await page.getByRole("link", { name: `${word}.txt` }).waitFor();
    await page.context().close();
  }
  assert.deepEqual(errors, []);
}

async function open(name: string, errors: string[]): Promise<Page> {
  const context = await browser.newContext();
  context.setDefaultTimeout(TIMEOUT_MS);
  const page = await context.newPage();
  page.on("pageerror", (error) => errors.push(`${name}: ${error.stack ?? error}`));
  page.on("request", (request) => {
    if (request.url().endsWith("/undefined")) errors.push(`${name}: ${request.url()}`);
  });
  await page.goto(`http://localhost:${PORT}/?as=${name}`);
  return page;
}

/** Returns whether PORT is free on both addresses of `localhost`. */
async function isFree(): Promise<boolean> {
  for (const host of ["127.0.0.1", "::1"]) {
    const taken = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "EADDRINUSE"));
      server.listen(PORT, host, () => server.close(() => resolve(false)));
    });
    if (taken) return false;
  }
  return true;
}
