import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { launch, newThread, Person, stack } from "./browser.ts";
import { ForeignServer } from "./foreign-server.ts";
import { drawLake } from "./photo.ts";

/** A violation of the page's Content-Security-Policy: the directive, and what it has blocked. */
type Violation = [directive: string, blocked: string];

const server = new ForeignServer();
let browser: Browser;
before(async () => {
  await server.start();
  browser = await launch();
});
after(async () => {
  await browser.close();
  server.stop();
});

test("the page chats, shows photos and signs out without violating its policy", async () => {
  const title = `Policy ${crypto.randomUUID()}`;
  await newThread(title, "Sarah", "Michael");
  const violations: Violation[] = [];
  const [sarah, michael] = [await watched("Sarah", violations), await watched("Michael", violations)];
  for (const person of [sarah, michael]) {
    await person.signIn();
    await person.openThread(title);
    await person.waitForConnection("Live");
  }
  const chooser = sarah.page.waitForEvent("filechooser");
  await sarah.page.getByRole("button", { name: "Add photos or files" }).click();
  const buffer = await drawLake(sarah.page, 800, 600);
  await (await chooser).setFiles([{ name: "lake.jpg", mimeType: "image/jpeg", buffer }]);
  await sarah.page.getByText("Ready to send").waitFor();
  assert.ok(
    await sarah.page.locator(".draft img").evaluate((image: HTMLImageElement) => image.decode().then(() => true)),
  );
  await sarah.send("Look at this");
  for (const { page } of [sarah, michael]) {
    const photo = page.getByRole("button", { name: "Open lake.jpg" });
    await photo.locator("img").evaluate((image: HTMLImageElement) => image.decode());
    await photo.click();
    await page.locator("dialog > img").evaluate((image: HTMLImageElement) => image.decode());
    await page.keyboard.press("Escape");
  }
  await michael.chooseFor("Look at this", "❤️");
  await michael.chooseFor("Look at this", "Reply");
  await michael.send("Lovely");
  await sarah.page.getByRole("button", { name: "❤️ 1" }).waitFor();
  await sarah.page.getByRole("button", { name: /^In reply to/ }).click();
  await sarah.chooseFor("Look at this", "Delete");
  await sarah.page.getByRole("button", { name: "Undo" }).click();
  await michael.page.reload();
  await michael.waitForConnection("Live");
  await michael.page.getByRole("button", { name: "Sign out" }).click();
  await michael.page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  assert.deepEqual(violations, []);
  await sarah.close();
  await michael.close();
});

test("injected scripts, handlers, styles and frames do nothing", async () => {
  const violations: Violation[] = [];
  const person = await watched("Sarah", violations);
  await person.signIn();
  const done = await person.page.evaluate(async (foreign) => {
    const marks = globalThis as unknown as { marked: string[] };
    marks.marked = [];
    // While the browser runs the test's own call, it allows strings to be evaluated. After a timer, the page's policy
    // applies.
    await new Promise((resolve) => setTimeout(resolve, 0));
    const add = (tag: string, attributes: Record<string, string>, text = "") => {
      const element = document.createElement(tag);
      for (const [name, value] of Object.entries(attributes)) {
        try {
          element.setAttribute(name, value);
        } catch {
          // Trusted Types refuse event handlers and srcdoc.
        }
      }
      try {
        element.textContent = text;
      } catch {
        // Trusted Types refuse the text of a script.
      }
      document.body.append(element);
      return element;
    };
    const refused = (call: () => unknown) => {
      try {
        call();
        return false;
      } catch {
        return true;
      }
    };
    add("script", {}, "marked.push('inline script')");
    add("script", { src: "data:text/javascript,marked.push('data: script')" });
    add("script", { src: `${foreign}/script.js` });
    add("img", { src: "data:,", onerror: "marked.push('handler')" });
    add("iframe", { srcdoc: "<script>parent.marked.push('srcdoc')</script>" });
    add("iframe", { src: foreign });
    add("a", { href: "javascript:marked.push('link')" }).click();
    (add("form", { action: foreign, method: "post" }) as HTMLFormElement).submit();
    const styled = add("p", {});
    styled.setAttribute("style", "color: rgb(1, 2, 3)");
    add("style", {}, "p { color: rgb(1, 2, 3) !important }");
    const result = {
      function: refused(() => new Function("marked.push('function')")()),
      html: refused(() => {
        document.body.insertAdjacentHTML("beforeend", "<img src=data:, onerror=\"marked.push('html')\">");
      }),
      fetch: await fetch(foreign, { mode: "no-cors" }).then(
        () => false,
        () => true,
      ),
      colour: getComputedStyle(styled).color,
    };
    await new Promise((resolve) => setTimeout(resolve, 500));
    return { ...result, marked: marks.marked };
  }, foreignUrl());
  assert.deepEqual(done.marked, []);
  assert.notEqual(done.colour, "rgb(1, 2, 3)");
  assert.deepEqual([done.function, done.html, done.fetch], [true, true, true]);
  const directives = new Set(violations.map(([directive]) => directive));
  for (const directive of ["script-src-elem", "style-src-attr", "style-src-elem", "connect-src", "form-action"]) {
    assert.ok(directives.has(directive), `${directive} in ${[...directives]}`);
  }
  await person.page.context().close(); // the browser has logged each violation as an error, so `close` would throw
});

test("injected code can neither replace the service worker nor make a policy of its own", async () => {
  const violations: Violation[] = [];
  const person = await watched("Sarah", violations);
  await person.page.evaluate(() => navigator.serviceWorker.ready);
  const refused = await person.page.evaluate(async () => {
    const { trustedTypes } = globalThis as unknown as {
      trustedTypes: { createPolicy(name: string, rules: object): void };
    };
    const fails = (call: () => unknown) =>
      Promise.resolve()
        .then(call)
        .then(
          () => false,
          () => true,
        );
    await new Promise((resolve) => setTimeout(resolve, 0));
    return [
      await fails(() => navigator.serviceWorker.register("./service-worker.js?injected")),
      await fails(() => new Worker("./service-worker.js")),
      await fails(() => trustedTypes.createPolicy("service-worker", {})),
      await fails(() => trustedTypes.createPolicy("other", {})),
    ];
  });
  assert.deepEqual(refused, [true, true, true, true]);
  await person.page.context().close(); // the browser has logged each violation as an error, so `close` would throw
});

test("a page of another origin can read neither the configuration nor tokens", async () => {
  const person = await Person.signedIn(browser, "Sarah");
  const page = await person.page.context().newPage(); // the same browser profile
  await page.goto(foreignUrl());
  const found = await page.evaluate(async (url) => {
    const readable = (mode: RequestMode) =>
      fetch(`${url}/config.json`, { mode }).then(
        (response) => response.text(),
        () => "",
      );
    const frame = document.createElement("iframe");
    frame.src = url;
    document.body.append(frame);
    await new Promise((resolve) => frame.addEventListener("load", resolve));
    let framed = "";
    try {
      framed = frame.contentWindow?.localStorage.getItem("hearth-session") ?? "";
    } catch {
      // The frame has another origin, as it should.
    }
    const own = [...Object.values(sessionStorage), ...Object.values(localStorage), document.cookie];
    return [await readable("cors"), await readable("no-cors"), framed, own.join("")];
  }, stack.pageUrl);
  assert.deepEqual(found, ["", "", "", ""]);
  assert.equal(await page.frames()[1]?.locator("#app").count(), 0, "other pages must not frame the page");
  // The tokens are in one item of the storage: not in cookies, which are sent with requests, and not in the address.
  const stored = await person.page.evaluate(() => {
    const { "hearth-session": session = "", ...others } = { ...localStorage } as Record<string, string>;
    return [session, JSON.stringify([others, { ...sessionStorage }, document.cookie, location.href])];
  });
  assert.match(stored[0] ?? "", /eyJ/, "a JWT begins with these characters");
  assert.doesNotMatch(stored[1] ?? "", /eyJ/);
  await person.close();
});

test("a page of another origin cannot read the files that Vite serves in development", async () => {
  const demo = fileURLToPath(new URL("../../web/demo", import.meta.url));
  const vite = await import(createRequire(`${demo}/`).resolve("vite"));
  const development = await vite.createServer({
    root: demo,
    logLevel: "error",
    server: { host: "127.0.0.1", port: 0, strictPort: false, hmr: false },
  });
  try {
    await development.listen();
    const { port } = development.httpServer.address();
    const response = await fetch(`http://127.0.0.1:${port}/favicon.svg`, { headers: { origin: foreignUrl() } });
    assert.deepEqual([response.status, response.headers.get("access-control-allow-origin")], [200, null]);
  } finally {
    await development.close();
  }
});

test("docs/frontend.md recommends the policy that the local cloud sends", async () => {
  const guide = readFileSync(new URL("../../docs/frontend.md", import.meta.url), "utf8");
  const [, documented = ""] = /^Content-Security-Policy: (.*)$/m.exec(guide) ?? [];
  const local = documented
    .replaceAll("https://API", new URL(stack.apiUrl).origin)
    .replaceAll("wss://WS", new URL(stack.wsUrl).origin.replace("http", "ws"))
    .replaceAll(/https:\/\/(BUCKET|COGNITO)/g, new URL(stack.endpointUrl).origin);
  for (const path of ["", "config.json", "favicon.svg", "missing"]) {
    const { headers } = await fetch(`${stack.pageUrl}/${path}`);
    assert.deepEqual(sources(headers.get("content-security-policy") ?? ""), sources(local), path);
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
  }
  assert.doesNotMatch(documented, /unsafe|data:|\*/);
});

/** Opens the page for a person and records violations of its policy. */
async function watched(name: string, violations: Violation[]): Promise<Person> {
  const person = await Person.open(browser, name);
  await person.page.exposeFunction("reportViolation", (...violation: Violation) => violations.push(violation));
  await person.page.addInitScript(() => {
    const { reportViolation } = globalThis as unknown as { reportViolation: (...violation: Violation) => void };
    document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
      reportViolation(effectiveDirective, blockedURI);
    });
  });
  await person.page.reload();
  return person;
}

function foreignUrl(): string {
  return `http://127.0.0.1:${server.port}`;
}

/** Returns the directives of a policy with their sources, without duplicates and regardless of order. */
function sources(policy: string): Record<string, string[]> {
  const directives = policy.split(";").map((directive) => directive.trim().split(/\s+/));
  return Object.fromEntries(directives.map(([name = "", ...list]) => [name, [...new Set(list)].sort()]));
}
