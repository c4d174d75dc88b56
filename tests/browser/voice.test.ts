import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch, newThread, Person, waitUntil } from "./browser.ts";

let browser: Browser;
before(async () => {
  browser = await launch("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream");
});
after(() => browser.close());

test("a voice message is recorded and sent by keyboard, and Escape cancels one", async () => {
  const { person, title } = await inThread();
  const { page } = person;
  const record = page.getByRole("button", { name: "Record a voice message" });
  await record.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("status").getByText("Recording").waitFor();
  const send = page.getByRole("button", { name: "Send the voice message" });
  await waitUntil("the focus is on the button to send", () =>
    send.evaluate((button) => button === document.activeElement),
  );
  await page.getByRole("timer").getByText("0:01").waitFor();
  await page.keyboard.press("Enter");
  await page.locator("audio").waitFor();
  assert.match(
    (await page.locator("audio").getAttribute("aria-label")) ?? "",
    /^Voice message \d{4}-\d\d-\d\d \d\d\.\d\d\.\w+$/,
  );
  const seconds = await page.locator("audio").evaluate(async (audio: HTMLAudioElement) => {
    const data = await (await fetch(audio.src)).arrayBuffer();
    return (await new AudioContext().decodeAudioData(data)).duration;
  });
  assert.ok(seconds > 0.5, `${seconds} s`);
  await waitUntil("the field has the focus again", () =>
    person.field.evaluate((field) => field === document.activeElement),
  );

  await record.click();
  await page.getByRole("status").getByText("Recording").waitFor();
  await page.keyboard.press("Escape");
  await record.waitFor();
  await page.getByRole("heading", { name: title }).waitFor(); // Escape did not leave the conversation
  await person.send("No voice message before this");
  await person.waitForMessage("No voice message before this");
  assert.equal(await page.locator("li.message").count(), 2);
  await person.field.fill("With text, there is nothing to record");
  await record.waitFor({ state: "detached" });
  await person.close();
});

test("the microphone is released when a recording is cancelled or its conversation is left", async () => {
  const { person } = await inThread();
  const { page } = person;
  await page.evaluate(() => {
    const marks = globalThis as unknown as { streams: MediaStream[] };
    marks.streams = [];
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      const stream = await open(constraints);
      marks.streams.push(stream);
      return stream;
    };
  });
  const live = () =>
    page.evaluate(() => {
      const { streams } = globalThis as unknown as { streams: MediaStream[] };
      return [streams.length, streams.filter((stream) => stream.active).length];
    });
  for (const [index, leave] of [
    () => page.getByRole("button", { name: "Cancel the voice message" }).click(),
    () => page.evaluate(() => location.assign("#/")),
  ].entries()) {
    await page.getByRole("button", { name: "Record a voice message" }).click();
    await page.getByRole("status").getByText("Recording").waitFor();
    assert.deepEqual(await live(), [index + 1, 1]);
    await leave();
    await waitUntil("the microphone is off", async () => (await live())[1] === 0);
  }
  await person.close();
});

test("a microphone that is not allowed or missing is explained", async () => {
  const { person } = await inThread();
  const { page } = person;
  for (const [name, text] of [
    ["NotAllowedError", "This page may not use the microphone."],
    ["NotFoundError", "No microphone was found."],
    ["NotReadableError", "The microphone could not be used."],
  ] as const) {
    await page.evaluate((name) => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("Refused", name));
    }, name);
    await page.getByRole("button", { name: "Record a voice message" }).click();
    await page.getByRole("alert").getByText(text).waitFor();
    await page.getByRole("button", { name: "Close" }).click();
    await person.field.waitFor();
  }
  await person.close();
});

async function inThread(): Promise<{ person: Person; title: string }> {
  const title = `Voice ${crypto.randomUUID()}`;
  await newThread(title, "Sarah", "Michael");
  const person = await Person.signedIn(browser, "Sarah");
  await person.openThread(title);
  await person.waitForConnection("Live");
  return { person, title };
}
