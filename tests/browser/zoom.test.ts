import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { audit } from "./audit.ts";
import { call, launch, newThread, Person, post } from "./browser.ts";
import { silence, upload } from "./files.ts";
import { drawLake } from "./photo.ts";

/** A window of 1280 × 1024 px, magnified to 200 % and 400 %, and at 100 % in forced colours. */
const MODES: Record<string, BrowserContextOptions> = {
  "at 200 % zoom": { viewport: { width: 640, height: 512 }, reducedMotion: "reduce" },
  "at 400 % zoom": { viewport: { width: 320, height: 256 }, reducedMotion: "reduce" },
  "in forced colours": { viewport: { width: 1280, height: 1024 }, forcedColors: "active" },
};

let browser: Browser;
let title: string;
before(async () => {
  browser = await launch();
  title = `Everything ${crypto.randomUUID()}`;
  await fillThread(await newThread(title, "Sarah", "Michael"));
});
after(() => browser.close());

for (const [mode, options] of Object.entries(MODES)) {
  test(`${mode}, all kinds of messages fit, and axe finds no problems`, async () => {
    const sarah = await Person.signedIn(browser, "Sarah", options);
    await sarah.openThread(title);
    await sarah.waitForMessage("The last one");
    const overflow = await sarah.page.evaluate(
      () =>
        [document.documentElement, ...document.querySelectorAll(".scroller")].filter(
          (element) => element.scrollWidth > element.clientWidth,
        ).length,
    );
    assert.equal(overflow, 0, "something is wider than the screen");
    const outside = await sarah.page.evaluate(() => {
      const edges = document.querySelector(".scroller")?.getBoundingClientRect() as DOMRect;
      const items = [...document.querySelectorAll(".bubble, .photos, .file, .player, .quote, .reactions, .stamp")];
      const isOut = ({ left, right }: DOMRect) => left < edges.left || right > edges.right;
      return items.filter((item) => isOut(item.getBoundingClientRect())).map((item) => item.outerHTML.slice(0, 200));
    });
    assert.deepEqual(outside, []);
    await audit(sarah, mode);
    await sarah.close();
  });
}

test("in forced colours, bubbles have a border, and a read message has another mark than a sent one", async () => {
  const sarah = await Person.signedIn(browser, "Sarah", { forcedColors: "active" });
  await sarah.openThread(title);
  await sarah.waitForMessage("The last one");
  const borders = await sarah.page.locator(".bubble:not([data-large=true])").evaluateAll((bubbles) =>
    bubbles.map((bubble) => {
      const { borderTopWidth, borderTopColor, backgroundColor } = getComputedStyle(bubble);
      return borderTopWidth === "1px" && borderTopColor !== backgroundColor;
    }),
  );
  assert.ok(borders.length > 3 && borders.every(Boolean), String(borders));
  await sarah.page.locator(".mark[data-read=true]").first().waitFor();
  const pictures = await sarah.page
    .locator(".mark path")
    .evaluateAll((paths) => new Set(paths.map((path) => path.getAttribute("d"))).size);
  assert.equal(pictures, 2);
  await sarah.close();
});

/** Sends messages of all kinds as Michael and as Sarah. */
async function fillThread(thread: string): Promise<void> {
  const path = `/api/threads/${thread}/messages`;
  const drawing = await browser.newPage();
  const lake = await drawLake(drawing, 400, 300);
  await drawing.close();
  const word = "A-word-that-does-not-end-".repeat(8);
  for (const name of ["Michael", "Sarah"]) {
    const photos: string[] = [];
    for (let photo = 1; photo <= 6; photo += 1) {
      photos.push(await upload(name, `lake-${photo}.jpg`, "image/jpeg", lake));
    }
    const { seq } = await call<{ seq: number }>(name, "POST", path, { body: word });
    await post(name, path, { body: "", fileIds: photos.slice(0, 1) });
    await post(name, path, { body: "Album", fileIds: photos });
    const files = [
      await upload(name, "song.wav", "audio/wav", silence()),
      await upload(name, `${word}.pdf`, "application/pdf", Buffer.from("%PDF-")),
    ];
    await post(name, path, { body: "Listen and read", fileIds: files });
    await post(name, path, { body: "🎂🎂🎂" });
    await post(name, path, { body: "An answer", replyTo: seq });
    await call(name, "PATCH", `${path}/${seq}`, { body: `${word}, edited` });
    for (const other of ["Sarah", "Michael"]) {
      await call(other, "PUT", `${path}/${seq}/reaction`, { emoji: other === name ? "❤️" : "👍" });
    }
  }
  const { seq } = await call<{ seq: number }>("Sarah", "POST", path, { body: "The last one but one" });
  await call("Michael", "PUT", `/api/threads/${thread}/read`, { seq });
  await post("Sarah", path, { body: "The last one" });
}
