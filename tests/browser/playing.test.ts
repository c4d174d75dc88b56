import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Locator } from "playwright-core";
import { launch, markRead, newThread, Person, post } from "./browser.ts";
import { play, silence, upload } from "./files.ts";
import { fill } from "./many-messages.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("a file plays on while the user scrolls far away, and pauses when another one is played", async () => {
  const title = `Playing ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await fill(thread, 400, "Michael");
  for (const name of ["first.wav", "second.wav"]) {
    const file = await upload("Michael", name, "audio/wav", silence(120));
    await post("Michael", `/api/threads/${thread}/messages`, { body: "", fileIds: [file] });
  }
  await markRead("Sarah", thread, 402);
  const sarah = await Person.signedIn(browser, "Sarah");
  await sarah.openThread(title);
  const player = (name: string) => sarah.page.getByLabel(name, { exact: true });
  const [first, second] = [player("first.wav"), player("second.wav")];
  await play(first);
  const scroller = sarah.page.getByRole("region", { name: "Messages" });
  await scroller.evaluate(async (element) => {
    while (!element.textContent?.includes("Message 20.")) {
      element.scrollTop -= 600;
      await new Promise(requestAnimationFrame);
    }
  });
  assert.equal(await second.count(), 0, "the row of a file that does not play is not rendered");
  assert.equal(await paused(first), false);
  await sarah.page.getByRole("button", { name: "Go to the newest message" }).click();
  await play(second);
  assert.equal(await paused(first), true);
  await sarah.close();
});

function paused(player: Locator): Promise<boolean> {
  return player.evaluate((element: HTMLMediaElement) => element.paused);
}
