import assert from "node:assert/strict";
import { changeOnDevice, changeOnServer, EMOJIS, pickSeq } from "./changing.js";
import { Clock } from "./clock.js";
import { Device } from "./device.js";
import { FakeServer } from "./fake-server.js";
import type { FakeSocket } from "./fake-socket.js";
import { MAX_PUSHED_BODY } from "./fake-stream.js";
import { HOSTILE, NO_FAULTS } from "./faults.js";
import { check } from "./history-check.js";
import { Random } from "./random.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const THREADS = ["thread_family", "thread_parents", "thread_trip"];
const FAMILY = ["sarah", "michael", "dad"];
/**
 * Maximum number of REST requests that all devices together may send in two minutes without activity. Each of the four
 * devices may connect once, with at most 12 requests: one for a ticket, three for open threads, and eight for pages of
 * lists.
 */
const REST_REQUESTS = 48;
/** Number of friends of the family, with whom devices create threads. */
const FRIENDS = 8;
/** The threads whose pushes may be up to 20 minutes late. */
const SLOW_THREADS = ["thread_family", "thread_parents"];

/**
 * Runs one history: devices do random actions while faults are injected. Afterwards, every device must show each
 * message once and in order.
 */
export async function runHistory(seed: number): Promise<void> {
  const random = new Random(seed);
  const clock = new Clock();
  const server = new FakeServer(clock, random.fork(), HOSTILE);
  const { backend } = server;
  // With at most three threads on a page, the list has several pages.
  backend.pageSize = 3;
  // With three changes on a page, a client fetches several pages. If it may miss only six changes, the answer is often
  // `reset`.
  backend.changePageSize = 3;
  backend.maxBehind = random.pick([6, 1_000]);
  backend.editWindow = random.pick([5 * MINUTE, 24 * 60 * MINUTE]);
  if (random.chance(0.5)) backend.secretive.add(random.pick(FAMILY));
  for (const threadId of THREADS) backend.addThread(threadId, FAMILY);
  for (let n = random.int(0, 120); n > 0; n -= 1) backend.commit("thread_family", "dad", `old message ${n}`);
  for (let n = random.int(0, 4); n > 0; n -= 1) addQuietThread(server, random, n);
  await clock.advance(MINUTE);
  for (const threadId of SLOW_THREADS) server.slowChannels.add(`thread:${threadId}`);
  const tokenLifetime = random.pick([5 * MINUTE, 60 * MINUTE]);
  const devices = [
    new Device(server, random.fork(), {
      name: "sarah-phone",
      user: "sarah",
      tokenLifetime,
      stale: random.chance(0.5),
      list: true,
    }),
    new Device(server, random.fork(), {
      name: "sarah-laptop",
      user: "sarah",
      tokenLifetime,
      list: false,
      opaque: random.chance(0.5),
    }),
    new Device(server, random.fork(), {
      name: "michael-phone",
      user: "michael",
      tokenLifetime,
      list: true,
      archivedList: true,
      opaque: random.chance(0.5),
    }),
    new Device(server, random.fork(), {
      name: "sarah-watch",
      user: "sarah",
      tokenLifetime,
      list: true,
      archivedList: random.chance(0.5),
    }),
  ];
  const [, , , watch] = devices;
  const actions = random.int(30, 90);
  for (let n = 0; n < actions; n += 1) {
    await clock.advance(random.chance(0.04) ? random.int(2, 30) * MINUTE : random.int(0, 12 * SECOND));
    const device = random.pick(devices);
    // The watch opens no thread, so its list depends on the events of the inbox alone.
    await act(server, random, devices, device, n, device === watch);
    for (const { failures } of devices) if (failures.length > 0) throw failures[0];
  }
  await recover(server, devices);
  for (const { failures } of devices) if (failures.length > 0) throw failures[0];
  assert.equal(server.earlyMessages, 0, "messages were sent before the time that Retry-After told");
  check(server, devices);
  await leaveBeforeAcknowledged(server, random, devices);
  for (const device of devices) device.close();
  await clock.advance(0);
  for (const device of devices) {
    assert.equal(clock.pending(device.name), 0, `${device.name}: the client has left timers behind`);
  }
  await clock.advance(MINUTE);
}

/** Adds a thread that nobody opens. Sarah may have archived it before the history begins. */
function addQuietThread({ backend }: FakeServer, random: Random, n: number): void {
  const thread = backend.addThread(`thread_quiet_${n}`, ["sarah", "dad"]);
  thread.member("sarah").archived = random.chance(0.6);
  backend.commit(thread.id, "dad", "an old message");
}

async function act(
  server: FakeServer,
  random: Random,
  devices: Device[],
  device: Device,
  n: number,
  inboxOnly: boolean,
): Promise<void> {
  const { backend } = server;
  const choice = random.int(0, 39);
  if (choice >= 36 || (choice >= 30 && inboxOnly)) {
    const threads = [...backend.threads.values()].filter(({ memberIds }) => memberIds.includes(device.user));
    return changeOnServer(server, random, random.pick(threads), n);
  }
  if (choice >= 30) return changeOnDevice(random, device, random.pick([...device.views.keys(), "thread_family"]), n);
  if (choice >= 20) return await actOnInbox(server, random, devices, device, n, choice);
  // A device that opens no threads only reloads, changes its network or visibility, or calls `reconnectNow`.
  if (inboxOnly && (choice < 14 || choice > 17)) return;
  const threadId = random.pick(THREADS);
  const body = `${device.name} says ${n}${random.chance(0.1) ? ".".repeat(MAX_PUSHED_BODY) : ""}`;
  if (choice < 5) {
    const last = backend.messages(threadId).length;
    device.send(threadId, body, [], random.chance(0.4) ? pickSeq(random, last) : null);
  } else if (choice < 9) {
    for (let more = random.int(1, 6); more > 0; more -= 1) backend.commit(threadId, "dad", `${n} ${more}`);
  } else if (choice < 11) {
    device.open(threadId);
  } else if (choice === 11) {
    device.closeView(threadId);
    // In half of the cases, open the thread again at once: late responses to the closed view must not affect the new
    // view.
    if (random.chance(0.5)) device.open(threadId);
  } else if (choice === 12) {
    device.follow(threadId);
  } else if (choice === 13) {
    device.views
      .get(threadId)
      ?.loadOlder()
      .catch(() => {});
  } else if (choice === 14) {
    device.reload();
  } else if (choice === 15) {
    device.setNetwork(!device.network.up, random.chance(0.5));
  } else if (choice === 16) {
    device.setVisible(random.chance(0.6));
  } else if (choice === 17) {
    device.client.reconnectNow();
  } else if (choice === 18) {
    device.sendUpload(threadId, body, `${n}.png`);
  } else {
    // Send the message as soon as the file's bytes are uploaded. The file may still be pending.
    const { client } = device;
    device.upload(`${n}.png`).sent.then(
      ({ id }) => {
        if (device.client === client) device.send(threadId, body, [id]);
      },
      () => {},
    );
  }
}

/** Does something that lists of threads show, in any of the user's threads: most of them are not open on any device. */
async function actOnInbox(
  server: FakeServer,
  random: Random,
  devices: Device[],
  device: Device,
  n: number,
  choice: number,
): Promise<void> {
  const { backend, clock } = server;
  const mine = [...backend.threads.values()].filter(({ memberIds }) => memberIds.includes(device.user));
  const thread = random.pick(mine);
  if (choice < 22) {
    const author = random.pick(thread.memberIds);
    for (let more = random.int(1, 3); more > 0; more -= 1)
      backend.commit(thread.id, author, `${n} in the list ${more}`);
  } else if (choice < 24) {
    const views = [...device.views.values()];
    const view = views[random.int(0, views.length)];
    view?.markRead(random.chance(0.5) ? undefined : random.int(0, 100));
    view?.setTyping();
  } else if (choice < 26) {
    // Several devices of the user change the same setting of the same thread within moments.
    const changing = devices.filter(({ user }) => user === device.user && random.chance(0.6));
    for (const other of [device, ...changing]) {
      other.set(thread.id, { archived: random.chance(0.5) });
      await clock.advance(random.int(0, 400));
    }
  } else if (choice === 26) {
    const mutedUntil = random.chance(0.7) ? new Date(clock.now() + random.int(0, 60) * MINUTE).toISOString() : null;
    device.set(thread.id, { mutedUntil });
  } else if (choice < 29) {
    device.client.api.createThread(["dad", `friend_${random.int(1, FRIENDS)}`]).catch(() => {});
  } else {
    device.closeView(thread.id);
  }
}

/** Stops the faults, opens all threads, and waits until all clients have caught up. */
async function recover(server: FakeServer, devices: Device[]): Promise<void> {
  server.faults = { ...NO_FAULTS, fileBad: server.faults.fileBad };
  const [, laptop, , watch] = devices;
  for (const device of devices) {
    device.setNetwork(true, true);
    device.setVisible(true);
    if (device !== watch) for (const threadId of THREADS) device.open(threadId);
  }
  await server.clock.advance(MINUTE);
  // Pushes in slow threads may be up to 20 minutes late. A new message makes clients notice the gap and fetch the
  // missing messages.
  for (const threadId of SLOW_THREADS) server.backend.commit(threadId, "dad", "the last word");
  // A client notices a lost change when the next change of the thread is pushed. So make two changes in each thread.
  for (const threadId of THREADS) {
    const message = server.backend
      .messages(threadId)
      .reverse()
      .find(({ deletedAt }) => deletedAt === undefined);
    if (message === undefined) continue;
    for (const emoji of EMOJIS.slice(0, 2)) server.backend.react(threadId, "dad", message.seq, emoji);
  }
  // `follow` makes a device subscribe to the thread again, and so fetch missed messages. Only one device calls
  // `follow`, because the other devices must catch up without it.
  devices[2]?.follow("thread_trip");
  // A thread that is closed and opened again at once must still receive messages.
  laptop?.closeView("thread_parents");
  laptop?.open("thread_parents");
  await server.clock.advance(10 * SECOND);
  server.backend.commit("thread_parents", "dad", "the very last word");
  // Give the clients enough time to notice broken connections by a missing pong.
  await server.clock.advance(6 * MINUTE);
  // An upload that hangs without XMLHttpRequest fails only after half an hour.
  const uploads = devices.flatMap(({ views }) => [...views.values()]).flatMap((view) => view.getSnapshot().entries);
  if (uploads.some(({ upload }) => upload !== null)) await server.clock.advance(31 * MINUTE);
  const before = server.requests.length;
  await server.clock.advance(2 * MINUTE);
  // No other requests than those for connecting are expected.
  const requests = server.requests.slice(before);
  assert.ok(
    requests.length <= REST_REQUESTS,
    `${requests.length} requests in two minutes without activity: ${requests.join(", ")}`,
  );
  // Wait for devices that are connecting again or replacing their socket, because their token expires.
  const isLive = ({ client, lists }: Device) => {
    const loading = lists.some((list) => list.getSnapshot().loading);
    return client.connection.getSnapshot().status === "live" && !loading;
  };
  for (let n = 0; n < 60 && !devices.every(isLive); n += 1) await server.clock.advance(SECOND);
}

/**
 * Opens threads and closes them again before the subscription is acknowledged. Afterwards each socket must be
 * subscribed to exactly the channels that its device needs.
 */
async function leaveBeforeAcknowledged(server: FakeServer, random: Random, devices: Device[]): Promise<void> {
  server.faults = { ...NO_FAULTS, frameError: 0.3 };
  for (const device of devices) {
    for (const threadId of THREADS) {
      // The device may have a view of the thread already. At random, close this view before a second view is opened,
      // after the second view is closed, or not at all. Only the last closed view may end the subscription.
      if (random.chance(0.5)) device.closeView(threadId);
      await server.clock.advance(random.int(0, 400));
      const view = device.client.openThread(threadId);
      await server.clock.advance(random.int(0, 400));
      view.close();
      if (random.chance(0.5)) device.closeView(threadId);
    }
    // Keep one thread open: without any, the client disconnects.
    device.open("thread_family");
  }
  server.faults = NO_FAULTS;
  await server.clock.advance(MINUTE);
  const wrong = () => devices.find((device) => !device.sockets.every((socket) => hasRightChannels(socket, device)));
  // Wait up to a minute, because a socket that replaces another may still be subscribing.
  for (let n = 0; n < 60 && wrong() !== undefined; n += 1) await server.clock.advance(SECOND);
  assert.equal(wrong()?.name, undefined, "a socket of this device is subscribed to the wrong channels");
}

/**
 * Whether a socket is closed, or is subscribed to exactly the channels that its device needs: that of the user, those
 * of open and followed (`client.follow`) threads, and the inbox if a list is open.
 */
function hasRightChannels({ alive, channels }: FakeSocket, device: Device): boolean {
  const { views, followed, lists, user } = device;
  const threads = new Set([...views.keys(), ...followed.keys()]);
  const inbox = lists.length > 0 ? ["inbox"] : [];
  const expected = [...[...threads].map((id) => `thread:${id}`), ...inbox, `user:${user}`];
  return !alive || (channels.size === expected.length && expected.every((channel) => channels.has(channel)));
}
