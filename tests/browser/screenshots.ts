/** Writes the images in docs/screenshots: a family's conversation, light and dark, on a desktop and a phone. */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { call, idOf, knownUser, launch, markRead, Person, post, stack } from "./browser.ts";
import { drawLake } from "./photo.ts";

const FOLDER = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));
const DESKTOP = { viewport: { width: 1180, height: 760 } };
const PHONE = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 1.5, hasTouch: true, isMobile: true };

// The script sends all messages within seconds. The page receives invented times in place of the real ones, so that it
// looks like a real conversation.
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

/** Creates the threads and messages. In two threads, Sarah has not read the last messages. */
async function createThreads(browser: Browser): Promise<void> {
  const page = await browser.newPage();
  const lake = await drawLake(page);
  await page.close();
  const [michael, dad] = [idOf("Michael"), idOf("Dad")];
  // If a member has no name, the page shows the ID. So these IDs look like names.
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
  await withPeople(person);
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

/** Makes the page receive a list with the people whom the screenshots show. */
async function withPeople({ page }: Person): Promise<void> {
  await page.route(/\/api\/people(\?|$)/, (route) => {
    const others = ["Grandma", "Lena", "Uncle Jonas"].map((name) => ({ id: name, name }));
    const users = ["Dad", "Michael", "Sarah"].map((name) => ({ id: idOf(name), name }));
    const people = [...users, ...others].sort((one, other) => one.name.localeCompare(other.name));
    const headers = { "access-control-allow-origin": "*" };
    return route.fulfill({ headers, json: { people, nextCursor: null } });
  });
}

async function closeDialog({ page }: Person): Promise<void> {
  await page
    .getByRole("dialog")
    .getByRole("button", { name: /^(Close|Cancel)$/ })
    .first()
    .click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

/** Takes the screenshots of dialogs, a recording and the page without a network. A conversation must be open. */
async function takeConversation(person: Person, size: string): Promise<void> {
  const { page } = person;
  const take = (name: string) => takeScreenshots(person, `${size}${name}`);
  await page.getByRole("heading", { name: "Family" }).getByRole("button").click();
  await page.getByRole("dialog", { name: "About this conversation" }).waitFor();
  await take("members");
  await page.getByRole("button", { name: "Photos and files" }).click();
  await page.getByRole("button", { name: /^Open lake\.jpg, from/ }).waitFor();
  await take("gallery");
  await page.getByRole("button", { name: /^Open lake\.jpg, from/ }).click();
  await page.getByRole("dialog", { name: "lake.jpg" }).waitFor();
  await take("photo");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog", { name: "lake.jpg" }).waitFor({ state: "detached" });
  await closeDialog(person);
  await person.chooseInMenu("Search");
  await page.getByRole("searchbox").fill("dinner");
  await page.getByText("1 message found.").waitFor();
  await take("search");
  await closeDialog(person);
  await page.getByRole("button", { name: "Record a voice message" }).click();
  await page.getByRole("status").getByText("Recording").waitFor();
  await page.clock.runFor(7_000);
  await take("recording");
  await page.getByRole("button", { name: "Cancel the voice message" }).click();
  await page.context().setOffline(true);
  await page.clock.runFor(2_000);
  await person.waitForConnection("Offline");
  const lake = await readLake();
  await page.locator("input[type=file]").setInputFiles([
    { name: "boat.jpg", mimeType: "image/jpeg", buffer: lake },
    { name: "An invitation for everybody.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-") },
    { name: "empty.txt", mimeType: "text/plain", buffer: Buffer.from("") },
  ]);
  await person.field.fill("The boat, and the invitation");
  await page.getByText("This file is empty.").waitFor();
  await take("offline");
  for (const name of ["boat.jpg", "An invitation for everybody.pdf", "empty.txt"]) {
    await page.getByRole("button", { name: `Remove ${name}` }).click();
  }
  await person.field.fill("");
  await page.context().setOffline(false);
  await page.clock.runFor(5_000);
  await person.waitForConnection("Live");
}

/** Takes the screenshots of the user's account and of signing out. The list must be visible. */
async function takeAccount(person: Person, size: string): Promise<void> {
  const { page } = person;
  await page.getByRole("button", { name: "Your account" }).click();
  await page.getByRole("checkbox", { name: "Share read receipts" }).waitFor();
  await page.getByText("The browser keeps").waitFor();
  await takeScreenshots(person, `${size}account`);
  await page.getByRole("button", { name: "Sign out on all devices" }).click();
  await page.getByRole("dialog", { name: "Sign out" }).waitFor();
  await takeScreenshots(person, `${size}sign-out`);
  await closeDialog(person);
}

let lake: Buffer | undefined;

async function readLake(): Promise<Buffer> {
  const page = await browser.newPage();
  lake ??= await drawLake(page, 800, 600);
  await page.close();
  return lake;
}

mkdirSync(FOLDER, { recursive: true });
const browser = await launch("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream");
try {
  await requireEmojis(browser);
  const nobody = await openPage(browser, DESKTOP);
  await nobody.page.route(/\/api\/threads\?/, (route) =>
    route.fulfill({ headers: { "access-control-allow-origin": "*" }, json: { threads: [], nextCursor: null } }),
  );
  await nobody.signIn();
  await nobody.page.getByText("No conversations yet.").waitFor();
  await nobody.page.getByRole("button", { name: "Write to Lena" }).waitFor();
  await takeScreenshots(nobody, "welcome");
  await nobody.page.setViewportSize(PHONE.viewport);
  await takeScreenshots(nobody, "phone-welcome");
  await nobody.page.context().close();

  await createThreads(browser);
  // The phone comes first: its list shows unread messages, which the desktop page reads later.
  const phone = await openPage(browser, PHONE);
  await takeScreenshots(phone, "phone-sign-in");
  await phone.signIn();
  await phone.waitForConnection("Live");
  await phone.threadLink("Family").waitFor();
  await takeScreenshots(phone, "phone-list");
  await takeAccount(phone, "phone-");

  const desktop = await openPage(browser, DESKTOP);
  await desktop.page.setViewportSize({ width: 900, height: 800 });
  await takeScreenshots(desktop, "sign-in");
  await desktop.page.setViewportSize(DESKTOP.viewport);
  await desktop.signIn();
  await desktop.threadLink("Family").waitFor();
  await takeAccount(desktop, "");
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
  await dad.close();
  await desktop.openMessageMenu("set the table");
  await takeScreenshots(desktop, "message-menu");
  await desktop.page.keyboard.press("Escape");
  await takeConversation(desktop, "");
  await desktop.page.getByRole("button", { name: "New conversation" }).click();
  await desktop.page.getByRole("searchbox").fill("Lena");
  await desktop.page.keyboard.press("Enter");
  await desktop.page.getByRole("checkbox", { name: "Grandma" }).check();
  await takeScreenshots(desktop, "people");

  await phone.openThread("Family");
  await phone.waitForMessage("set the table");
  await phone.page.getByRole("button", { name: "Open lake.jpg" }).waitFor();
  await takeScreenshots(phone, "phone");
  await takeConversation(phone, "phone-");
} finally {
  await browser.close();
}
