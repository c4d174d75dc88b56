import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Locator } from "playwright-core";
import { audit } from "./audit.ts";
import { launch, type Person, waitUntil } from "./browser.ts";
import { openWithPush } from "./push-browser.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("the hint asks for permission on a click only, and notifications stay on after a reload", async () => {
  const { person, requests, state } = await openWithPush(browser, "Sarah");
  await person.signIn();
  const hint = hintOf(person);
  await hint.getByText("also while Hearth is closed").waitFor();
  await audit(person, "the hint about notifications");
  assert.deepEqual(await state(), { questions: 0, permission: "default", subscribed: false });
  assert.equal(requests.length, 0);
  await hint.getByRole("button", { name: "Turn on" }).click();
  await hint.waitFor({ state: "detached" });
  assert.deepEqual(await state(), { questions: 1, permission: "granted", subscribed: true });
  assert.deepEqual(
    requests.map(({ method, path, body }) => [method, path, body?.endpoint]),
    [["PUT", "/push-subscriptions", "https://push.example/1"]],
  );

  await person.page.reload();
  await waitUntil("the registration is renewed", async () => requests.length === 2);
  const notify = await openSettings(person);
  assert.ok(await notify.isChecked());
  await audit(person, "notifications that are on");
  assert.equal(await hint.count(), 0);
  assert.equal((await state()).questions, 1);
  await person.close();
});

test("a closed hint stays closed, and the account switches notifications on and off", async () => {
  const { person, requests, state } = await openWithPush(browser, "Sarah");
  await person.signIn();
  await hintOf(person).getByRole("button", { name: "Not now" }).click();
  await hintOf(person).waitFor({ state: "detached" });
  await person.page.reload();
  const notify = await openSettings(person);
  assert.ok(!(await notify.isChecked()));
  assert.equal(await hintOf(person).count(), 0);
  await notify.click();
  await person.page.getByText("This device notifies you").waitFor();
  assert.equal((await state()).subscribed, true);
  await notify.click();
  await person.page.getByText("Be notified of new messages").waitFor();
  await waitUntil("the device is removed", async () => requests.length === 2);
  assert.deepEqual(
    requests.map(({ method, path }) => `${method} ${path}`),
    ["PUT /push-subscriptions", "DELETE /push-subscriptions/push_1"],
  );
  assert.equal((await state()).subscribed, false);
  await person.close();
});

test("a user who refuses is told how to change that, and is not asked again", async () => {
  const { person, requests, state } = await openWithPush(browser, "Sarah", { answer: "denied" });
  await person.signIn();
  const hint = hintOf(person);
  await hint.getByRole("button", { name: "Turn on" }).click();
  await hint.getByRole("status").getByText("are blocked").waitFor();
  await audit(person, "blocked notifications");
  await person.page.reload();
  await person.page.getByRole("button", { name: "Your account" }).click();
  await person.page.getByText("Notifications of this page are blocked").waitFor();
  assert.equal(await switchOf(person).count(), 0);
  assert.equal(await hint.count(), 0);
  assert.equal((await state()).questions, 1);
  assert.equal(requests.length, 0);
  await person.close();
});

test("a user who closes the question can be asked again", async () => {
  const { person, state } = await openWithPush(browser, "Sarah", { answer: "default" });
  await person.signIn();
  const turnOn = hintOf(person).getByRole("button", { name: "Turn on" });
  for (const questions of [1, 2]) {
    await turnOn.click();
    await waitUntil("the question was asked", async () => (await state()).questions === questions);
    await turnOn.waitFor();
  }
  await person.close();
});

test("an iPhone is told to add the page to its Home Screen", async () => {
  const { person } = await openWithPush(browser, "Sarah", { needsHomeScreen: true });
  await person.signIn();
  await hintOf(person).getByText("Add to Home Screen").waitFor();
  assert.deepEqual(await hintOf(person).getByRole("button").allTextContents(), ["Close"]);
  await person.page.getByRole("button", { name: "Your account" }).click();
  await person.page.getByRole("dialog").getByText("Add to Home Screen").waitFor();
  assert.equal(await switchOf(person).count(), 0);
  await person.close();
});

test("without notifications on the server, the page says nothing about them", async () => {
  const keyProblem = { status: 404, code: "notifications_off", detail: "This deployment sends no notifications." };
  const { person } = await openWithPush(browser, "Sarah", { keyProblem });
  const key = person.page.waitForResponse(/push-key/);
  await person.signIn();
  await (await key).finished();
  await person.page.getByRole("button", { name: "Your account" }).click();
  await person.page.getByRole("checkbox", { name: "Sound for new messages" }).waitFor();
  await switchOf(person).waitFor({ state: "detached" });
  assert.equal(await hintOf(person).count(), 0);
  await person.close();
});

test("a refused registration is explained, and notifications stay off", async () => {
  const registerProblem = { status: 409, code: "too_many_devices", detail: "The user has 10 devices." };
  const { person, requests } = await openWithPush(browser, "Sarah", { registerProblem });
  await person.signIn();
  await hintOf(person).getByRole("button", { name: "Turn on" }).click();
  await hintOf(person).getByText("on ten devices already").waitFor();
  await person.page.reload();
  assert.ok(!(await (await openSettings(person)).isChecked()));
  assert.equal(requests.length, 1);
  await person.close();
});

test("a sign-out ends notifications on the device, and the next sign-in brings them back without a question", async () => {
  const { person, requests, state } = await openWithPush(browser, "Sarah", { permission: "granted" });
  await person.signIn();
  await hintOf(person).getByRole("button", { name: "Turn on" }).click();
  await hintOf(person).waitFor({ state: "detached" });
  await person.page.getByRole("button", { name: "Sign out" }).click();
  await person.page.getByRole("heading", { name: "Welcome to Hearth" }).waitFor();
  await waitUntil("the subscription has ended", async () => !(await state()).subscribed);
  await waitUntil("the device is removed", async () => requests.at(-1)?.method === "DELETE");
  await person.signIn();
  await waitUntil("the device is registered again", async () => requests.at(-1)?.method === "PUT");
  assert.equal((await state()).subscribed, true);
  await person.close();
});

test("the sound is switched off in the account, for this browser", async () => {
  const { person } = await openWithPush(browser, "Sarah");
  await person.signIn();
  await openSettings(person);
  const sound = person.page.getByRole("checkbox", { name: "Sound for new messages" });
  assert.ok(await sound.isChecked());
  await sound.click();
  await person.page.reload();
  await openSettings(person);
  assert.ok(!(await sound.isChecked()));
  await person.close();
});

function hintOf({ page }: Person): Locator {
  return page.getByRole("complementary", { name: "Notifications" });
}

function switchOf({ page }: Person): Locator {
  return page.getByRole("checkbox", { name: "Notifications on this device" });
}

/** Opens the account. Returns the switch for notifications. */
async function openSettings(person: Person): Promise<Locator> {
  await person.page.getByRole("button", { name: "Your account" }).click();
  await switchOf(person).waitFor();
  return switchOf(person);
}
