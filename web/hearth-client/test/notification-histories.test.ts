import assert from "node:assert/strict";
import { test } from "node:test";
import { Clock } from "./support/clock.js";
import { Device } from "./support/device.js";
import { FakeBrowser } from "./support/fake-browser.js";
import { FakeServer } from "./support/fake-server.js";
import { HOSTILE, NO_FAULTS } from "./support/faults.js";
import { Random } from "./support/random.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/**
 * Two tabs of one user switch notifications on and off, reload, sign out and lose the network, while requests and answers
 * are lost, and the browser loses its subscription or the permission. In the end, the browser, the server and both tabs
 * must agree with the last choice.
 */
async function runHistory(seed: number): Promise<void> {
  const random = new Random(seed);
  const clock = new Clock();
  const server = new FakeServer(clock, random.fork(), HOSTILE);
  server.backend.addThread("thread_1", ["sarah", "dad"]);
  const { subscriptions } = server.backend;
  const browser = new FakeBrowser();
  browser.answer = async () => random.pick(["granted", "granted", "default"] as const);
  const open = (n: number) =>
    new Device(server, random.fork(), {
      name: `tab-${n}`,
      user: "sarah",
      tokenLifetime: 60 * MINUTE,
      list: false,
      browser,
    });
  const tabs = [open(0), open(1)];
  /**
   * Whether the last call was `enable`. Null before the first call, and if the last call has failed permanently, or the
   * user may not have given permission: the history then does not check the stored choice.
   */
  let last: boolean | null = null;
  for (let n = random.int(5, 40); n > 0; n -= 1) {
    await clock.advance(random.chance(0.5) ? random.int(0, 300) : random.int(0, 40 * SECOND));
    const tab = random.pick(tabs);
    const { notifications } = tab.client;
    const { busy, error } = notifications.state.getSnapshot();
    assert.ok(busy || error?.retryable !== true, `seed ${seed}: a temporary error is left: ${error}`);
    const choice = random.int(0, 15);
    if (choice < 4) {
      const granted = browser.permission === "granted";
      notifications.enable().catch(({ name }: Error) => {
        if (name === "HearthError") last = null;
      });
      last = granted ? true : null;
    } else if (choice < 7) {
      notifications.disable().catch(() => {});
      last = false;
    } else if (choice < 10) {
      tab.reload();
    } else if (choice === 10) {
      tab.setNetwork(!tab.network.up, random.chance(0.5));
    } else if (choice === 11) {
      browser.setPermission(random.pick(["granted", "denied", "default"] as const));
      tab.setVisible(true);
    } else if (choice === 12) {
      browser.subscription = null;
    } else if (choice === 13) {
      subscriptions.publicKey = `key-${random.int(1, 3)}`;
    } else if (choice === 14) {
      browser.broken = random.chance(0.5);
    } else {
      // The session ends in all tabs. The user signs in again.
      const ended = tabs.map(({ client }) => client.signOut());
      await clock.advance(10 * SECOND);
      await Promise.all(ended);
      assert.equal(browser.subscription, null, `seed ${seed}: a sign-out has left a subscription`);
      for (const each of tabs) each.reload();
    }
  }
  server.faults = NO_FAULTS;
  browser.broken = false;
  for (const tab of tabs) tab.setNetwork(true, true);
  await clock.advance(2 * MINUTE);
  // A start renews the subscription if the browser has lost it, or the deployment's key has changed. Either tab may do
  // so.
  for (const tab of tabs) tab.reload();
  await clock.advance(2 * MINUTE);

  const on = JSON.parse(browser.items.getItem("push-sarah") ?? "null") !== null;
  const where = `seed ${seed}`;
  if (last !== null) assert.equal(on, last, `${where}: the choice is not the last one`);
  const rings = subscriptions.of("sarah").includes(browser.subscription?.endpoint ?? "");
  const granted = browser.permission === "granted";
  assert.equal(rings, on && granted, `${where}: the browser and the server disagree with the choice`);
  if (!on) assert.equal(browser.subscription, null, `${where}: the browser has a subscription`);
  if (rings) assert.equal(browser.subscription?.publicKey, subscriptions.publicKey, where);
  const status = on && granted ? "on" : browser.permission === "denied" ? "denied" : "off";
  for (const tab of tabs) {
    assert.deepEqual(tab.client.notifications.state.getSnapshot(), { status, busy: false, error: null }, where);
    assert.deepEqual(tab.failures, [], where);
    tab.close();
    await clock.advance(0);
    assert.equal(clock.pending(tab.name), 0, `${where}: timers are left`);
  }
}

test("in 200 random histories, notifications end as the user has chosen last", async () => {
  for (let seed = 1; seed <= 200; seed += 1) await runHistory(seed);
});
