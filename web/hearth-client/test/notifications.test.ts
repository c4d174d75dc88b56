import assert from "node:assert/strict";
import { test } from "node:test";
import type { HearthError, NotificationsStatus } from "../src/index.js";
import { rejection } from "./support/client-fixture.js";
import type { Device } from "./support/device.js";
import { deviceFixture } from "./support/device-fixture.js";
import { FakeBrowser } from "./support/fake-browser.js";
import { NO_FAULTS } from "./support/faults.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** Returns a fake server and a fake browser. A test opens tabs of the browser with `open`. */
function notificationFixture() {
  const { clock, server, addDevice } = deviceFixture();
  const browser = new FakeBrowser();
  const { subscriptions } = server.backend;
  let tabs = 0;
  /** Opens a tab of the browser. */
  const open = (user = "sarah"): Device => {
    tabs += 1;
    return addDevice(`tab-${tabs}`, user, { browser });
  };
  /** Whether the browser receives a user's notifications. */
  const rings = (user = "sarah") => subscriptions.of(user).includes(browser.subscription?.endpoint ?? "");
  const requests = (text: string) => server.requests.filter((request) => request.startsWith(text)).length;
  return { clock, server, browser, subscriptions, open, rings, requests };
}

function state({ client }: Device) {
  const { status, busy, error } = client.notifications.state.getSnapshot();
  return [status, busy, error?.code ?? null];
}

/** Opens a tab and switches notifications on. */
async function switchedOn(fixture: ReturnType<typeof notificationFixture>, user = "sarah"): Promise<Device> {
  const tab = fixture.open(user);
  await fixture.clock.advance(SECOND);
  const enabled = tab.client.notifications.enable();
  await fixture.clock.advance(SECOND);
  await enabled;
  return tab;
}

test("enable asks at once, registers the browser, and disable ends it on both sides", async () => {
  const fixture = notificationFixture();
  const { clock, browser, subscriptions, open, rings } = fixture;
  const tab = open();
  assert.deepEqual(state(tab), ["off", true, null]);
  await clock.advance(SECOND);
  assert.deepEqual(state(tab), ["off", false, null]);
  const { notifications } = tab.client;
  const enabled = notifications.enable();
  assert.equal(browser.asked, 1, "the browser must be asked during the click");
  assert.deepEqual(state(tab), ["off", true, null]);
  await clock.advance(SECOND);
  await enabled;
  assert.deepEqual([state(tab), rings(), browser.subscription?.publicKey], [["on", false, null], true, "key-1"]);
  const disabled = notifications.disable();
  assert.deepEqual(state(tab)[0], "off");
  await clock.advance(SECOND);
  await disabled;
  assert.deepEqual([state(tab), subscriptions.rows.size, browser.subscription], [["off", false, null], 0, null]);
  assert.equal(browser.items.length, 0);
  tab.close();
  assert.deepEqual(tab.failures, []);
});

test("listeners are told of every change of the status", async () => {
  const fixture = notificationFixture();
  const tab = fixture.open();
  const { notifications } = tab.client;
  const seen: NotificationsStatus[] = [];
  notifications.state.subscribe(() => seen.push(notifications.state.getSnapshot().status));
  await fixture.clock.advance(SECOND);
  const enabled = notifications.enable();
  await fixture.clock.advance(SECOND);
  await enabled;
  assert.deepEqual([...new Set(seen)], ["off", "on"]);
  tab.close();
});

test("the registration is renewed at each start, with a subscription of the deployment's key", async () => {
  const fixture = notificationFixture();
  const { clock, browser, subscriptions, rings, requests } = fixture;
  const tab = await switchedOn(fixture);
  tab.reload();
  assert.deepEqual(state(tab), ["on", true, null], "the start must not wait for the renewal");
  await clock.advance(SECOND);
  assert.deepEqual([state(tab), rings(), requests("PUT"), browser.calls.subscribe], [["on", false, null], true, 2, 1]);

  subscriptions.publicKey = "another key";
  tab.reload();
  await clock.advance(SECOND);
  assert.deepEqual([state(tab)[0], rings(), browser.subscription?.publicKey], ["on", true, "another key"]);
  assert.equal(browser.calls.unsubscribe, 1);

  browser.subscription = null; // lost by the browser
  tab.reload();
  await clock.advance(SECOND);
  assert.deepEqual([state(tab), rings(), browser.asked], [["on", false, null], true, 1]);
  tab.close();
});

test("without permission, nothing is subscribed, and the state says why", async () => {
  for (const [answer, status] of [
    ["default", "off"],
    ["denied", "denied"],
  ] as const) {
    const { clock, browser, open, requests } = notificationFixture();
    browser.answer = async () => answer;
    const tab = open();
    await clock.advance(SECOND);
    await tab.client.notifications.enable();
    await clock.advance(MINUTE);
    assert.deepEqual(state(tab), [status, false, null]);
    assert.deepEqual([browser.calls.subscribe, requests("PUT"), browser.items.length], [0, 0, 0]);
    tab.close();
  }
});

test("the deployment without notifications, an iPhone's tab, and a browser without push are told apart", async () => {
  const cases: [NotificationsStatus, Partial<FakeBrowser>, string | null][] = [
    ["unavailable", {}, null],
    ["unavailable", { standalone: false, worker: {} }, null],
    ["needs-home-screen", { standalone: false, worker: {} }, "key-1"],
    ["unsupported", { worker: {} }, "key-1"],
    ["unsupported", { worker: {}, standalone: true }, "key-1"],
  ];
  for (const [status, options, key] of cases) {
    const { clock, browser, subscriptions, open } = notificationFixture();
    Object.assign(browser, options);
    subscriptions.publicKey = key;
    const tab = open();
    await clock.advance(SECOND);
    assert.deepEqual(state(tab).slice(0, 2), [status, false]);
    const error = (await rejection(tab.client.notifications.enable())) as HearthError;
    assert.equal(error.code, status === "unavailable" ? "notifications_off" : "push_unsupported");
    assert.equal(browser.asked, 0);
    tab.close();
  }
});

test("permission withdrawn in the settings is noticed, and the choice returns with the permission", async () => {
  const fixture = notificationFixture();
  const { clock, browser, rings } = fixture;
  const tab = await switchedOn(fixture);
  tab.setVisible(false);
  browser.setPermission("denied");
  tab.setVisible(true);
  assert.equal(state(tab)[0], "denied");
  await tab.client.notifications.enable();
  assert.deepEqual(state(tab), ["denied", false, null]);
  tab.setVisible(false);
  browser.setPermission("granted");
  tab.setVisible(true);
  await clock.advance(SECOND);
  assert.deepEqual([state(tab), rings(), browser.asked], [["on", false, null], true, 1]);
  tab.close();
});

test("permission withdrawn while the browser subscribes is not an error", async () => {
  const { clock, browser, open } = notificationFixture();
  const { pushManager } = browser.worker;
  assert.ok(pushManager !== undefined);
  const { subscribe } = pushManager;
  pushManager.subscribe = async (options) => {
    browser.setPermission("denied");
    return await subscribe(options);
  };
  const tab = open();
  await clock.advance(SECOND);
  await tab.client.notifications.enable();
  assert.deepEqual([state(tab), browser.subscription], [["denied", false, null], null]);
  tab.close();
});

test("a PUT that fails for good switches off, says why, and is not repeated at the next start", async () => {
  const { clock, browser, subscriptions, open, requests } = notificationFixture();
  for (let n = 0; n < 10; n += 1) {
    subscriptions.put("sarah", { endpoint: `https://push.test/old-${n}`, keys: { auth: "a" } });
  }
  const tab = open();
  await clock.advance(SECOND);
  const failure = rejection(tab.client.notifications.enable());
  await clock.advance(SECOND);
  assert.equal(((await failure) as HearthError).code, "too_many_devices");
  assert.deepEqual([state(tab), browser.subscription], [["off", false, "too_many_devices"], null]);
  tab.reload();
  await clock.advance(MINUTE);
  assert.deepEqual([state(tab), requests("PUT")], [["off", false, null], 1]);
  tab.close();
});

test("a renewal that fails for good is shown, and tried again at the next start", async () => {
  const fixture = notificationFixture();
  const { clock, browser, rings } = fixture;
  const tab = await switchedOn(fixture);
  browser.subscription = null;
  browser.broken = true;
  tab.reload();
  await clock.advance(SECOND);
  assert.deepEqual(state(tab), ["off", false, "push_refused"]);
  browser.broken = false;
  tab.reload();
  await clock.advance(SECOND);
  assert.deepEqual([state(tab), rings()], [["on", false, null], true]);

  browser.subscription = null;
  browser.broken = true;
  tab.reload();
  await clock.advance(SECOND);
  browser.broken = false;
  tab.setNetwork(true, true);
  await clock.advance(SECOND);
  assert.deepEqual([state(tab), rings()], [["on", false, null], true], "the network is back");
  tab.close();
});

test("a PUT whose answer is lost is repeated, and offline the state says that it waits", async () => {
  const { clock, server, open, rings, requests } = notificationFixture();
  const tab = open();
  await clock.advance(SECOND);
  server.faults = { ...NO_FAULTS, answerLost: 1 };
  const enabled = tab.client.notifications.enable();
  await clock.advance(10 * SECOND);
  assert.ok(requests("PUT") > 1);
  assert.deepEqual([state(tab), rings()], [["off", true, "network_error"], true]);
  server.faults = NO_FAULTS;
  tab.client.reconnectNow();
  await clock.advance(SECOND);
  await enabled;
  assert.deepEqual([state(tab), rings()], [["on", false, null], true]);
  tab.close();
});

test("a choice that a closed page has not carried out is carried out at the next start", async () => {
  const fixture = notificationFixture();
  const { clock, server, browser, subscriptions, open, rings } = fixture;
  const tab = open();
  await clock.advance(SECOND);
  server.faults = { ...NO_FAULTS, answerLost: 1 };
  const enabling = rejection(tab.client.notifications.enable());
  await clock.advance(SECOND);
  server.faults = NO_FAULTS;
  tab.reload();
  assert.equal(((await enabling) as Error).name, "AbortError");
  await clock.advance(SECOND);
  assert.deepEqual([state(tab), rings()], [["on", false, null], true]);

  tab.setNetwork(false, false);
  await tab.client.notifications.disable();
  assert.deepEqual([state(tab), browser.subscription, subscriptions.rows.size], [["off", false, null], null, 1]);
  tab.setNetwork(true, false);
  tab.reload();
  await clock.advance(SECOND);
  assert.deepEqual([state(tab), subscriptions.rows.size, browser.items.length], [["off", false, null], 0, 0]);
  tab.close();
});

test("disable wins over an enable that is under way, in every phase of it", async () => {
  const phases = 12;
  for (let phase = 0; phase < phases; phase += 1) {
    const { clock, browser, subscriptions, open, rings } = notificationFixture();
    const tab = open();
    await clock.advance(SECOND);
    const { notifications } = tab.client;
    const enabling = notifications.enable().catch((error: unknown) => error);
    for (let n = 0; n < phase; n += 1) await Promise.resolve();
    // In the last phase, call `disable` while the request that registers the browser is under way: it takes 10 to 160
    // ms.
    if (phase === phases - 1) await clock.advance(9);
    const disabled = notifications.disable();
    await clock.advance(SECOND);
    await disabled;
    assert.equal(((await enabling) as Error | undefined)?.name, "AbortError", `phase ${phase}`);
    assert.deepEqual([state(tab), rings(), browser.subscription], [["off", false, null], false, null]);
    assert.ok(subscriptions.rows.size <= 1);
    tab.reload();
    await clock.advance(SECOND);
    assert.deepEqual([state(tab), browser.subscription], [["off", false, null], null]);
    tab.close();
  }
});

test("enable may be called again before the first call has ended", async () => {
  const { clock, browser, open, rings } = notificationFixture();
  let allow = (_: NotificationPermission) => {};
  browser.answer = () =>
    new Promise((resolve) => {
      allow = resolve;
    });
  const tab = open();
  await clock.advance(SECOND);
  const calls = [tab.client.notifications.enable(), tab.client.notifications.enable()];
  assert.deepEqual(state(tab), ["off", true, null]);
  allow("granted");
  await clock.advance(SECOND);
  calls.push(tab.client.notifications.enable());
  await clock.advance(SECOND);
  await Promise.all(calls);
  assert.deepEqual(
    [state(tab), rings(), browser.subscription?.endpoint],
    [["on", false, null], true, "https://push.test/1"],
  );
  tab.close();
});

test("enable wins over a disable that is under way", async () => {
  const fixture = notificationFixture();
  const { clock, rings } = fixture;
  const tab = await switchedOn(fixture);
  const { notifications } = tab.client;
  const disabling = notifications.disable().catch((error: unknown) => error);
  const enabled = notifications.enable();
  await clock.advance(SECOND);
  await enabled;
  assert.ok([undefined, "AbortError"].includes(((await disabling) as Error | undefined)?.name));
  assert.deepEqual([state(tab), rings()], [["on", false, null], true]);
  tab.close();
});

test("two tabs agree, also if they change the choice at the same time", async () => {
  const fixture = notificationFixture();
  const { clock, browser, subscriptions, open, rings } = fixture;
  const [one, two] = [open(), open()];
  await clock.advance(SECOND);
  const both = [one, two].map(({ client }) => client.notifications.enable());
  await clock.advance(SECOND);
  await Promise.all(both);
  for (const tab of [one, two]) assert.deepEqual(state(tab), ["on", false, null]);
  assert.deepEqual([rings(), browser.calls.subscribe, subscriptions.rows.size], [true, 1, 1]);

  const disabled = two.client.notifications.disable();
  assert.equal(state(one)[0], "off");
  await clock.advance(SECOND);
  await disabled;
  assert.deepEqual([rings(), browser.subscription], [false, null]);

  const enabling = one.client.notifications.enable().catch(() => {});
  await clock.advance(50);
  const disabling = two.client.notifications.disable().catch(() => {});
  await clock.advance(MINUTE);
  await Promise.all([enabling, disabling]);
  assert.deepEqual([state(one)[0], state(two)[0], browser.subscription, rings()], ["off", "off", null, false]);
  one.close();
  two.close();
});

test("sign-out ends notifications online and offline, and the user's next sign-in has them again", async () => {
  for (const online of [true, false]) {
    const fixture = notificationFixture();
    const { clock, browser, subscriptions, open, rings } = fixture;
    const sarah = await switchedOn(fixture);
    sarah.setNetwork(online, false);
    const ended = sarah.client.signOut();
    await clock.advance(SECOND);
    await ended;
    assert.deepEqual([browser.subscription, rings()], [null, false]);
    assert.equal(subscriptions.rows.size, online ? 0 : 1);
    assert.equal(clock.pending(sarah.name), 0);

    const dad = open("dad");
    await clock.advance(MINUTE);
    assert.deepEqual([state(dad), browser.subscription], [["off", false, null], null], "dad was not asked");
    await dad.client.signOut();

    const again = open();
    assert.equal(state(again)[0], "off");
    await clock.advance(SECOND);
    assert.deepEqual([state(again), rings(), browser.asked], [["on", false, null], true, 1]);
    again.close();
  }
});

test("sign-out during enable leaves no subscription", async () => {
  for (const wait of [0, 5, 9, 1_000]) {
    const { clock, browser, open, rings } = notificationFixture();
    const tab = open();
    await clock.advance(SECOND);
    const enabling = tab.client.notifications.enable().then(
      () => "enabled",
      ({ name }: Error) => name,
    );
    await clock.advance(wait);
    const ended = tab.client.signOut();
    await clock.advance(SECOND);
    await ended;
    assert.equal(await enabling, wait < 1_000 ? "AbortError" : "enabled");
    assert.deepEqual([browser.subscription, rings()], [null, false], `after ${wait} ms`);
  }
});

test("sign-out does not wait for a browser that hangs", async () => {
  const fixture = notificationFixture();
  const tab = await switchedOn(fixture);
  Object.assign(fixture.browser.worker.pushManager ?? {}, { getSubscription: () => new Promise(() => {}) });
  let ended = false;
  void tab.client.signOut().then(() => {
    ended = true;
  });
  await fixture.clock.advance(4_999);
  assert.equal(ended, false);
  await fixture.clock.advance(1);
  assert.equal(ended, true);
});

test("a second sign-out of a client does not touch the subscription of the next user", async () => {
  const fixture = notificationFixture();
  const sarah = await switchedOn(fixture);
  const ended = sarah.client.signOut();
  await fixture.clock.advance(SECOND);
  await ended;
  const dad = await switchedOn(fixture, "dad");
  await sarah.client.signOut({ discardUnsent: true });
  await fixture.clock.advance(SECOND);
  assert.deepEqual([state(dad), fixture.rings("dad")], [["on", false, null], true]);
  dad.close();
});

test("a tab whose service worker is not registered yet does not block the others", async () => {
  const fixture = notificationFixture();
  const { clock, browser, rings } = fixture;
  const tab = await switchedOn(fixture);
  const { worker } = browser;
  let registered = (_: typeof worker) => {};
  const slow = new Promise<typeof worker>((resolve) => {
    registered = resolve;
  });
  Object.assign(browser, { worker: slow });
  const late = fixture.open();
  await clock.advance(SECOND);
  assert.deepEqual(state(late), ["on", true, null]);
  const disabled = tab.client.notifications.disable();
  await clock.advance(SECOND);
  await disabled;
  assert.equal(browser.subscription, null);
  const enabled = tab.client.notifications.enable();
  await clock.advance(SECOND);
  await enabled;
  registered(worker);
  await clock.advance(SECOND);
  assert.deepEqual([state(tab), state(late), rings()], [["on", false, null], ["on", false, null], true]);
  tab.close();
  late.close();
});

test("a browser that cannot ask, or cannot end its subscription, is an error that says so", async () => {
  const { clock, browser, open } = notificationFixture();
  browser.answer = () => Promise.reject(new DOMException("no gesture", "NotAllowedError"));
  const tab = open();
  await clock.advance(SECOND);
  const { notifications } = tab.client;
  assert.equal(((await rejection(notifications.enable())) as HearthError).code, "push_refused");
  assert.deepEqual(state(tab), ["off", false, null]);
  browser.answer = async () => "granted";
  const enabled = notifications.enable();
  await clock.advance(SECOND);
  await enabled;
  const manager = browser.worker.pushManager ?? assert.fail();
  const { getSubscription } = manager;
  manager.getSubscription = () => Promise.reject(new DOMException("broken", "UnknownError"));
  const failure = rejection(notifications.disable());
  await clock.advance(SECOND);
  assert.equal(((await failure) as HearthError).code, "push_refused");
  assert.deepEqual(state(tab), ["off", false, "push_refused"]);
  manager.getSubscription = getSubscription;
  tab.reload();
  await clock.advance(SECOND);
  assert.deepEqual([state(tab), browser.subscription], [["off", false, null], null]);
  tab.close();
});

test("the next user of a browser takes the endpoint over, or gets a new one if its keys differ", async () => {
  for (const taken of [false, true]) {
    const fixture = notificationFixture();
    const { browser, subscriptions, rings } = fixture;
    const sarah = await switchedOn(fixture);
    const before = browser.subscription;
    if (taken) for (const row of subscriptions.rows.values()) row.auth = "other keys";
    const dad = await switchedOn(fixture, "dad");
    assert.deepEqual([state(dad), rings("dad"), rings("sarah")], [["on", false, null], true, false]);
    assert.equal(browser.subscription?.endpoint === before?.endpoint, !taken);
    sarah.close();
    dad.close();
  }
});

test("a service worker that cannot be registered is reported, and notifications are unsupported", async () => {
  const { clock, browser, open } = notificationFixture();
  Object.assign(browser, { worker: Promise.reject(new TypeError("Failed to register a ServiceWorker")) });
  const tab = open();
  await clock.advance(SECOND);
  assert.equal(state(tab)[0], "unsupported");
  assert.ok(tab.failures[0] instanceof TypeError);
  tab.close();
});

test("an unreadable choice is reported and means off, and a full storage does not prevent the choice", async () => {
  const { clock, browser, open, rings } = notificationFixture();
  browser.permission = "granted";
  browser.items.setItem("push-sarah", "{");
  const tab = open();
  await clock.advance(SECOND);
  assert.equal(state(tab)[0], "off");
  assert.ok(tab.failures.length > 0);
  browser.items.setItem = () => {
    throw new RangeError("QuotaExceededError");
  };
  const enabled = tab.client.notifications.enable();
  await clock.advance(SECOND);
  await enabled;
  assert.deepEqual([state(tab), rings()], [["on", false, null], true]);
  tab.close();
});
