/** Writes the images in docs/screenshots: a family's conversation, light and dark, on a desktop and a phone. */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { call, idOf, knownUser, launch, markRead, Person, post, stack } from "./browser.ts";
import { drawLake } from "./photo.ts";

const FOLDER = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));
const DESKTOP = { viewport: { width: 1180, height: 760 } };
const PHONE = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 1.5, hasTouch: true, isMobile: true };

// The script sends all messages within seconds. The page gets invented times instead, as in a real conversation.
const day = new Date(Date.now() - 86_400_000);
const at = (hour: number, minute: number, daysBefore = 0) =>
  new Date(day.getFullYear(), day.getMonth(), day.getDate() - daysBefore, hour, minute);
/** The invented times that the screenshots show, by message ID. */
const times = new Map<string, Date>();

async function message(name: string, threadId: string, body: string, when: Date, replyTo?: number): Promise<void> {
  times.set((await post(name, `/api/threads/${threadId}/messages`, { body, replyTo })).id, when);
}

async function thread(title: string | undefined, ...memberIds: string[]): Promise<string> {
  return (await post("Sarah", "/api/threads", title ? { memberIds, title } : { memberIds })).id;
}

async function sendPhoto(name: string, threadId: string, body: string, photo: Buffer, when: Date): Promise<void> {
  const content = { filename: "lake.jpg", mimetype: "image/jpeg", size: photo.length };
  const upload = (await post(name, "/api/files", content)) as unknown as {
    uploadUrl: string;
    headers: Record<string, string>;
    file: { id: string };
  };
  const put = await fetch(upload.uploadUrl, { method: "PUT", headers: upload.headers, body: new Uint8Array(photo) });
  if (!put.ok) throw new Error(`The upload of the photo failed with HTTP status ${put.status}.`);
  const sent = await post(name, `/api/threads/${threadId}/messages`, { body, fileIds: [upload.file.id] });
  times.set(sent.id, when);
}

/** Creates the threads and messages. In two threads, Sarah has not read the last ones. */
async function createThreads(browser: Browser): Promise<void> {
  const page = await browser.newPage();
  const lake = await drawLake(page);
  await page.close();
  const [michael, dad] = [idOf("Michael"), idOf("Dad")];
  // The page shows the ID of a member without a name. So these IDs look like names.
  for (const id of ["Lena", "Grandma"]) await knownUser(id);
  const recipe = await thread("Cake committee", michael, "Lena");
  await message("Michael", recipe, "Plum or apple? I vote for both.", at(19, 40, 4));
  const birthday = await thread("Grandma’s 80th", michael, dad, "Grandma", "Lena");
  await message("Dad", birthday, "The restaurant by the river is ours, twelve chairs, Sunday at one.", at(20, 5, 3));
  await message("Dad", birthday, "Who brings the photo albums?", at(20, 6, 3));
  const two = await thread(undefined, michael);
  await message("Michael", two, "Did you find the charger?", at(16, 2, 1));
  await message("Sarah", two, "In your own bag. As always.", at(16, 10, 1));

  const family = await thread("Family", michael, dad);
  await message(
    "Dad",
    family,
    "The boat is back in the water! It leaked a little, but so did I at her age.",
    at(17, 2, 1),
  );
  await message("Michael", family, "Can we take her out on Saturday?", at(17, 20, 1));
  await message("Michael", family, "I’ll bring the cooler.", at(17, 20, 1));
  await message("Sarah", family, "Yes please, the children have been asking all week.", at(18, 1, 1));
  await sendPhoto("Dad", family, "Look what the lake did this morning.", lake, at(7, 2));
  await message("Sarah", family, "Oh, that light!", at(7, 31), 5);
  await message("Sarah", family, "Dinner at 6? I’m making soup.", at(7, 32));
  await message("Michael", family, "I’ll be there at half past five and set the table.", at(8, 5));
  const dinner = `/api/threads/${family}/messages/7`;
  await call("Sarah", "PATCH", dinner, { body: "Dinner at 6? I’m making the soup with the dumplings." });
  await call("Dad", "PUT", `${dinner}/reaction`, { emoji: "👍" });
  for (const name of ["Sarah", "Michael"]) {
    await call(name, "PUT", `/api/threads/${family}/messages/5/reaction`, { emoji: "❤️" });
  }
  // Sending a message has marked the earlier ones as read.
  await markRead("Sarah", recipe, 1);
  await markRead("Dad", family, 7);
}

/** Throws if the browser shows emojis as empty boxes or without colours. */
async function requireEmojis(browser: Browser): Promise<void> {
  const page = await browser.newPage();
  const coloured = await page.evaluate(() => {
    const context = document.createElement("canvas").getContext("2d");
    if (!context) return false;
    context.fillText("👍", 10, 20);
    const { data } = context.getImageData(0, 0, 40, 40);
    return data.some((value, index) => index % 4 === 0 && value !== data[index + 2]);
  });
  await page.close();
  if (!coloured) throw new Error("A font with emojis is missing (on Debian: apt-get install fonts-noto-color-emoji).");
}

/** Opens the page for Sarah, with the invented times of the messages. */
async function openPage(browser: Browser, options: BrowserContextOptions): Promise<Person> {
  const person = await Person.open(browser, "Sarah", { ...options, reducedMotion: "reduce" });
  await person.page.clock.install({ time: at(18, 12) });
  await person.page.route(/\/api\/threads(\?|$|\/[^/]+\/messages(\?|$))/, async (route) => {
    if (route.request().method() !== "GET") return route.fallback();
    const response = await route.fetch();
    const dated = JSON.stringify(await response.json(), (_, value) => {
      const [sent, active] = [times.get(value?.id), times.get(value?.lastMessage?.id)];
      if (sent) return { ...value, createdAt: sent };
      return active ? { ...value, updatedAt: active } : value;
    });
    await route.fulfill({ response, body: dated });
  });
  await person.page.route(/\/api\/people(\?|$)/, (route) => {
    const people = ["Dad", "Grandma", "Lena", "Michael", "Uncle Jonas"].map((name) => ({ id: name, name }));
    const headers = { "access-control-allow-origin": "*" };
    return route.fulfill({ headers, json: { people, nextCursor: null } });
  });
  await person.page.goto(stack.pageUrl);
  return person;
}

async function takeScreenshots({ page }: Person, name: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await page.waitForFunction(() => [...document.images].every((image) => image.complete && image.naturalWidth > 0));
    await page.evaluate(() => document.fonts.ready);
    const png = await page.screenshot();
    writeFileSync(`${FOLDER}${name}-${colorScheme}.png`, png);
    console.log(`${name}-${colorScheme}.png: ${Math.round(png.length / 1000)} kB`);
  }
}

mkdirSync(FOLDER, { recursive: true });
const browser = await launch();
try {
  await requireEmojis(browser);
  await createThreads(browser);
  // The phone comes first: its list shows what the laptop then reads.
  const phone = await openPage(browser, PHONE);
  await phone.signIn();
  await phone.waitForConnection("Live");
  await phone.threadLink("Family").waitFor();
  await takeScreenshots(phone, "phone-list");

  const desktop = await openPage(browser, DESKTOP);
  await desktop.page.setViewportSize({ width: 900, height: 720 });
  await takeScreenshots(desktop, "sign-in");
  await desktop.page.setViewportSize(DESKTOP.viewport);
  await desktop.signIn();
  await desktop.openThread("Family");
  await desktop.waitForMessage("set the table");
  await desktop.page.getByRole("button", { name: "Open lake.jpg" }).waitFor();
  await desktop.waitForConnection("Live");
  // Dad types without having read the last message, because his page is hidden.
  const dad = await Person.signedIn(browser, "Dad");
  await dad.setPageVisible(false);
  await dad.openThread("Family");
  await dad.waitForConnection("Live");
  await dad.page.getByRole("textbox", { name: "Message" }).pressSequentially("I");
  await desktop.page.getByText("Dad is typing …").waitFor();
  await takeScreenshots(desktop, "conversation");
  await desktop.page.getByRole("button", { name: "New conversation" }).click();
  await desktop.page.getByRole("searchbox").fill("Lena");
  await desktop.page.keyboard.press("Enter");
  await desktop.page.getByRole("checkbox", { name: "Grandma" }).check();
  await takeScreenshots(desktop, "people");

  await phone.openThread("Family");
  await phone.waitForMessage("set the table");
  await phone.page.getByRole("button", { name: "Open lake.jpg" }).waitFor();
  await takeScreenshots(phone, "phone");
} finally {
  await browser.close();
}
