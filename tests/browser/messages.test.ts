import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Browser, devices, type Locator, type Page } from "playwright-core";
import { idOf, knownUser, launch, markRead, newThread, Person, post, sendMessage } from "./browser.ts";
import { play, silence, upload } from "./files.ts";
import { watchShifts } from "./layout-shifts.ts";
import { drawLake } from "./photo.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("every message shows its time: visible on hover and focus, and always to screen readers", async () => {
  const { michael, title } = await conversation("Times", ["One", "Two", "Three"]);
  await michael.openThread(title);
  await michael.waitForMessage("Three");
  const times = michael.page.locator("li.message time");
  assert.equal(await times.count(), 3);
  for (const name of ["One", "Two", "Three"]) {
    const tree = await michael.message(name).ariaSnapshot();
    assert.match(tree, /time: \d\d:\d\d/, `${name} has no time for screen readers: ${tree}`);
  }
  const opacity = () =>
    michael
      .message("One")
      .locator(".stamp")
      .evaluate((stamp) => getComputedStyle(stamp).opacity);
  await michael.page.mouse.move(0, 0);
  await michael.page.waitForFunction(
    () => getComputedStyle(document.querySelector(".stamp") as Element).opacity === "0",
  );
  await michael.message("One").hover();
  assert.equal(await opacity(), "1");
  await michael.page.mouse.move(0, 0);
  await michael.message("One").getByRole("button", { name: "Actions for" }).focus();
  assert.equal(await opacity(), "1");
  await michael.page.keyboard.press("Enter");
  await michael.page
    .getByRole("dialog")
    .getByText(/\d{4} at \d\d:\d\d/)
    .waitFor();
  await michael.close();
});

test("own messages show whether they are being sent, sent or read, also in a thread of two members", async () => {
  const pair = (await post("Sarah", "/api/threads", { memberIds: [await knownUser()], title: "Pair" })).id;
  const title = `Marks ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael", "Dad");
  const sarah = await Person.signedIn(browser, "Sarah");
  await sarah.openThread(title);
  await sarah.waitForConnection("Live");
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await sarah.page.route(/\/messages$/, async (route) => {
    await held;
    await route.fallback();
  });
  await sarah.send("Mine");
  await sarah.message("Mine").getByText("Sending …").waitFor();
  assert.equal(await sarah.page.locator(".mark").count(), 0);
  release();
  const mark = sarah.message("Mine").locator(".mark");
  await mark.getByText("sent", { exact: true }).waitFor();
  assert.equal(await mark.getAttribute("title"), "Sent");
  await markRead("Dad", thread, 1);
  await mark.getByText("read", { exact: true }).waitFor();
  assert.equal(await mark.getAttribute("title"), "Read by Dad");
  await sendMessage("Michael", thread, "His");
  await sarah.waitForMessage("His");
  assert.equal(await sarah.message("His").locator(".mark").count(), 0, "messages of others have no mark");
  assert.equal(await mark.getAttribute("title"), "Read by Michael, Dad", "an author has read the earlier messages");

  // In a thread of two members, the mark is the only read receipt: no line "Read by …" is below the message.
  await sarah.page.evaluate((id) => location.assign(`#/${id}`), pair);
  await sarah.send("Only you");
  await sarah.message("Only you").locator(".mark").getByText("sent", { exact: true }).waitFor();
  await sarah.close();
});

test("between two people, messages do not repeat the other's name", async () => {
  const memberIds = [idOf("Sarah"), idOf("Michael")];
  const title = `Two ${crypto.randomUUID()}`;
  const { id } = await post("Sarah", "/api/threads", { memberIds, title });
  const text = `From Michael ${crypto.randomUUID()}`;
  await sendMessage("Michael", id, text);
  const sarah = await Person.signedIn(browser, "Sarah");
  await sarah.page.evaluate((id) => location.assign(`#/${id}`), id);
  await sarah.waitForMessage(text);
  assert.equal(await sarah.page.locator("li.message .author").count(), 0);
  assert.match(await sarah.message(text).ariaSnapshot(), /Michael/, "screen readers need the name");
  assert.equal(await sarah.page.locator(".read-by").count(), 0);
  await sarah.close();
});

test("one to three emojis without text are large", async () => {
  const texts = ["🎂", "👨‍👩‍👧 ❤ 👍🏽", "🎂🎂🎂🎂", "🎂!", "1", "Hi"];
  const { michael, title } = await conversation("Large", texts);
  await michael.openThread(title);
  await michael.waitForMessage("Hi");
  const large = michael.page.locator(".bubble[data-large=true]");
  assert.deepEqual(await large.allTextContents(), texts.slice(0, 2));
  const size = (text: Locator) => text.evaluate((element) => Number.parseFloat(getComputedStyle(element).fontSize));
  assert.ok((await size(large.first())) > 2 * (await size(michael.page.locator(".bubble", { hasText: "Hi" }))));
  await michael.close();
});

const HEBREW = "שלום לכולם, מחר נפגשים אצל סבתא בשעה שש בערב ואוכלים יחד ארוחה גדולה עם כל המשפחה";

test("text from right to left has its own direction, line by line, and is cut at its end", async () => {
  const { michael, title, thread } = await conversation("Directions", [`${HEBREW}\nSee you!`]);
  await post("Sarah", `/api/threads/${thread}/messages`, { body: "An answer", replyTo: 1 });
  await michael.openThread(title);
  await michael.waitForMessage("An answer");
  const bubble = michael.page.locator(".bubble").first();
  assert.equal(await bubble.evaluate((element) => getComputedStyle(element).direction), "rtl");
  const lines = await bubble.evaluate((element) => {
    const text = element.firstChild as Text;
    const box = element.getBoundingClientRect();
    const edges = (start: number, end: number) => {
      const range = document.createRange();
      range.setStart(text, start);
      range.setEnd(text, end);
      const { left, right } = range.getBoundingClientRect();
      return { left: left - box.left, right: box.right - right };
    };
    return { english: edges(text.data.indexOf("See"), text.data.length), hebrew: edges(0, 1) };
  });
  assert.ok(lines.hebrew.right < 30, "the first letter is at the right");
  assert.ok(lines.english.left < 30, "the English line starts at the left");
  // The beginning of the quoted text is visible.
  const excerpt = michael.page.locator(".quote .excerpt");
  const shown = await excerpt.evaluate((element) => {
    const range = document.createRange();
    const text = document.createTreeWalker(element, NodeFilter.SHOW_TEXT).nextNode() as Text;
    range.setStart(text, 0);
    range.setEnd(text, 1);
    const [first, box] = [range.getBoundingClientRect(), element.getBoundingClientRect()];
    return {
      cut: element.scrollWidth > element.clientWidth,
      inside: first.right <= box.right + 1 && first.left >= box.left,
    };
  });
  assert.deepEqual(shown, { cut: true, inside: true });
  await michael.close();
});

test("photos keep their shape within limits, ten of them are four tiles, and names keep their extension", async () => {
  const title = `Shapes ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  const drawing = await browser.newPage();
  const sizes: [number, number][] = [
    [800, 600],
    [300, 900],
    [900, 300],
  ];
  const path = `/api/threads/${thread}/messages`;
  const lake = await drawLake(drawing, 400, 300);
  for (const [width, height] of sizes) {
    const file = await upload("Sarah", "lake.jpg", "image/jpeg", await drawLake(drawing, width, height));
    await post("Sarah", path, { body: "", fileIds: [file] });
  }
  await drawing.close();
  const album: string[] = [];
  for (let photo = 1; photo <= 10; photo += 1)
    album.push(await upload("Sarah", `lake-${photo}.jpg`, "image/jpeg", lake));
  await post("Sarah", path, { body: "Album", fileIds: album });
  const long = `${"The minutes of our meeting ".repeat(5)}.pdf`;
  await post("Sarah", path, {
    body: "",
    fileIds: [await upload("Sarah", long, "application/pdf", Buffer.from("%PDF-"))],
  });

  const { defaultBrowserType: _, ...phone } = devices["Pixel 7"] ?? assert.fail();
  for (const options of [{}, phone]) {
    const sarah = await Person.open(browser, "Sarah", options);
    await withSizes(sarah.page, [...sizes, ...album.map((): [number, number] => [400, 300])]);
    await sarah.signIn();
    await sarah.threadLink(title).waitFor();
    await sarah.waitForConnection("Live");
    const shiftSoFar = await watchShifts(sarah.page);
    await sarah.page.evaluate((id) => location.assign(`#/${id}`), thread);
    await sarah.page.waitForFunction((count) => {
      const images = [...document.querySelectorAll<HTMLImageElement>(".photo img")];
      return images.filter((image) => image.complete && image.naturalWidth > 0).length === count;
    }, sizes.length + 4);
    const shift = await shiftSoFar();
    assert.ok(shift <= 0.01, `the layout has shifted by ${shift} while the photos were loaded`);
    const single = sarah.page.locator(".photos[data-count='1'] .photo");
    const boxes = await single.evaluateAll((photos) => photos.map((photo) => photo.getBoundingClientRect().toJSON()));
    const shapes = boxes.map(({ width, height }) => Math.round((100 * width) / height) / 100);
    assert.deepEqual(shapes, [1.33, 0.75, 1.78]);
    assert.ok(boxes.every(({ width, height }) => Math.max(width, height) <= 321));
    // The right edge of the user's own photos is the same as that of the user's own text.
    const edge = (await sarah.page.locator(".bubble").first().boundingBox()) ?? assert.fail();
    for (const { right } of boxes) assert.ok(Math.abs(right - edge.x - edge.width) < 1, `${right} is not the edge`);

    const tiles = sarah.message("Album").locator(".photo");
    assert.equal(await tiles.count(), 4);
    assert.equal(await tiles.last().textContent(), "+6");
    await tiles.last().click();
    await sarah.page.getByRole("dialog", { name: "lake-4.jpg" }).getByText("4 of 10").waitFor();

    // Back closes the photo and stays in the conversation; a second one leaves the conversation.
    await sarah.page.goBack();
    await sarah.page.getByRole("dialog").waitFor({ state: "detached" });
    await sarah.page.getByRole("heading", { name: title }).waitFor();
    await tiles.first().click();
    await sarah.page.getByRole("dialog", { name: "lake-1.jpg" }).waitFor();
    await sarah.page.keyboard.press("Escape");
    await sarah.page.getByRole("dialog").waitFor({ state: "detached" });
    await sarah.page.getByRole("heading", { name: title }).waitFor();

    const file = sarah.page.locator("li.message").getByRole("link", { name: long });
    const [stem, extension] = [file.locator(".stem"), file.locator(".stem + span")];
    assert.equal(await extension.textContent(), ".pdf");
    assert.ok(await stem.evaluate((element) => element.scrollWidth > element.clientWidth), "the name is not cut");
    const [tile, end] = [await file.boundingBox(), await extension.boundingBox()];
    assert.ok(tile && end && end.x + end.width <= tile.x + tile.width, "the extension is cut");
    await sarah.page.goBack();
    await sarah.page.getByRole("heading", { name: title }).waitFor({ state: "detached" });
    await sarah.close();
  }
});

test("audio files are played in the page, and other files are not", async () => {
  const title = `Sounds ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  const files = [
    await upload("Sarah", "song.wav", "audio/wav", silence()),
    await upload("Sarah", "song.xyz", "audio/x-unknown", silence()),
  ];
  await post("Sarah", `/api/threads/${thread}/messages`, { body: "Listen", fileIds: files });
  const michael = await Person.signedIn(browser, "Michael");
  await michael.openThread(title);
  const audio = michael.page.locator("audio");
  await audio.waitFor();
  assert.equal(await audio.getAttribute("aria-label"), "song.wav");
  await play(audio);
  await michael.page.waitForFunction(() => (document.querySelector("audio")?.currentTime ?? 0) > 0);
  await michael.page.getByRole("link", { name: "song.xyz" }).waitFor();
  await michael.close();
});

/** Creates a conversation with messages of Sarah, and signs Michael in. */
async function conversation(name: string, texts: string[]) {
  const title = `${name} ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  for (const text of texts) await sendMessage("Sarah", thread, text);
  return { michael: await Person.signedIn(browser, "Michael"), title, thread };
}

/** Adds sizes to the photos of the messages that the page loads, in their order. */
async function withSizes(page: Page, sizes: [number, number][]): Promise<void> {
  await page.route(/\/messages(\?|$)/, async (route) => {
    if (route.request().method() !== "GET") return route.fallback();
    const response = await route.fetch();
    const json = (await response.json()) as { messages: { attachments: { mimetype: string }[] }[] };
    const photos = [...json.messages].reverse().flatMap(({ attachments }) => attachments);
    for (const [index, [width, height]] of sizes.entries()) Object.assign(photos[index] ?? {}, { width, height });
    await route.fulfill({ response, json });
  });
}
