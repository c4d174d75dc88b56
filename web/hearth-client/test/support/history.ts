import assert from "node:assert/strict";
import { Clock } from "./clock.js";
import { Device } from "./device.js";
import type { FakeSocket } from "./fake-socket.js";
import { CALM, HOSTILE } from "./faults.js";
import { Random } from "./random.js";
import { LONG, Server } from "./server.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const THREADS = ["thread_family", "thread_parents", "thread_trip"];
/** REST requests of all devices in two minutes of rest, at most. */
const REST_REQUESTS = 20;
/** Where a push may be minutes late. */
const PATIENT = ["thread_family", "thread_parents"];

/** One history: devices do what people do, everything goes wrong, and in the end all has to be there, once, in order. */
export async function runHistory(seed: number): Promise<void> {
  const random = new Random(seed);
  const clock = new Clock();
  const server = new Server(clock, random.fork(), HOSTILE);
  for (const threadId of THREADS) server.backend.addThread(threadId, ["sarah", "michael", "dad"]);
  for (let n = random.int(0, 120); n > 0; n -= 1) server.backend.commit("thread_family", "dad", `long ago ${n}`);
  for (const threadId of PATIENT) server.patient.add(`thread:${threadId}`);
  const tokenLife = random.pick([5 * MINUTE, 60 * MINUTE]);
  const devices = [
    new Device(server, random.fork(), { name: "sarah-phone", user: "sarah", tokenLife, list: true }),
    new Device(server, random.fork(), {
      name: "sarah-laptop",
      user: "sarah",
      tokenLife,
      list: false,
      opaque: random.chance(0.5),
    }),
    new Device(server, random.fork(), {
      name: "michael-phone",
      user: "michael",
      tokenLife,
      list: true,
      opaque: random.chance(0.5),
    }),
  ];
  const actions = random.int(30, 90);
  for (let n = 0; n < actions; n += 1) {
    await clock.advance(random.chance(0.04) ? random.int(2, 30) * MINUTE : random.int(0, 12 * SECOND));
    await act(server, random, random.pick(devices), n);
    for (const { failures } of devices) if (failures.length > 0) throw failures[0];
  }
  await comeToRest(server, devices);
  for (const { failures } of devices) if (failures.length > 0) throw failures[0];
  check(server, devices);
  await leaveQuickly(server, random, devices);
  for (const device of devices) device.close();
  await clock.advance(0);
  for (const device of devices) {
    assert.equal(clock.pending(device.name), 0, `${device.name}: timers are left`);
  }
  await clock.advance(MINUTE);
}

async function act(server: Server, random: Random, device: Device, n: number): Promise<void> {
  const threadId = random.pick(THREADS);
  const body = `${device.name} says ${n}${random.chance(0.1) ? ".".repeat(LONG) : ""}`;
  const choice = random.int(0, 19);
  if (choice < 5) {
    device.send(threadId, body);
  } else if (choice < 9) {
    for (let more = random.int(1, 6); more > 0; more -= 1) server.backend.commit(threadId, "dad", `${n} ${more}`);
  } else if (choice < 11) {
    device.open(threadId);
  } else if (choice === 11) {
    device.closeView(threadId);
    // Perhaps at once: what is under way has to be kept apart from what comes.
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
  } else {
    // What a page does: the message goes when the bytes are there, and the file may still be pending.
    const { client } = device;
    device.upload(`${n}.png`).sent.then(
      ({ id }) => {
        if (device.client === client) device.send(threadId, body, [id]);
      },
      () => {},
    );
  }
}

/** Nothing goes wrong any more, everything is opened, and there is time for all that waits. */
async function comeToRest(server: Server, devices: Device[]): Promise<void> {
  server.faults = { ...CALM, fileBad: server.faults.fileBad };
  for (const device of devices) {
    device.setNetwork(true, true);
    device.setVisible(true);
    for (const threadId of THREADS) device.open(threadId);
  }
  await server.clock.advance(MINUTE);
  // Who was not pushed a message that is late sees by this one that it is missing.
  for (const threadId of PATIENT) server.backend.commit(threadId, "dad", "the last word");
  // Only elsewhere, and only one: whoever joins asks for the barrier anew, for all of the device.
  devices.at(-1)?.follow("thread_trip");
  // Whoever leaves a thread and comes back at once has to hear it.
  const [, laptop] = devices;
  laptop?.closeView("thread_parents");
  laptop?.open("thread_parents");
  await server.clock.advance(10 * SECOND);
  server.backend.commit("thread_parents", "dad", "the very last word");
  // A connection that died without a word is missed by its silence.
  await server.clock.advance(6 * MINUTE);
  const before = server.requests;
  await server.clock.advance(2 * MINUTE);
  // Two lists that are asked for again every two minutes, a new ticket now and then, and nothing else.
  assert.ok(server.requests - before <= REST_REQUESTS, `${server.requests - before} requests in two minutes of rest`);
  // A token that tells nothing may just have run out.
  const isLive = ({ client }: Device) => client.connection.getSnapshot().status === "live";
  for (let n = 0; n < 60 && !devices.every(isLive); n += 1) await server.clock.advance(SECOND);
}

/** Threads are opened and left before that is acknowledged: what nobody follows any more, the server is not to push. */
async function leaveQuickly(server: Server, random: Random, devices: Device[]): Promise<void> {
  server.faults = { ...CALM, frameError: 0.3 };
  for (const device of devices) {
    for (const threadId of THREADS) {
      // Left for good, or opened beside those who follow it already.
      if (random.chance(0.5)) device.closeView(threadId);
      await server.clock.advance(random.int(0, 400));
      const view = device.client.openThread(threadId);
      await server.clock.advance(random.int(0, 400));
      view.close();
      if (random.chance(0.5)) device.closeView(threadId);
    }
    // Or the connection would end.
    device.open("thread_family");
  }
  server.faults = CALM;
  await server.clock.advance(MINUTE);
  const wrong = () => devices.find((device) => !device.sockets.every((socket) => pushesWhatIsFollowed(socket, device)));
  // One that is to replace another may be about to subscribe.
  for (let n = 0; n < 60 && wrong() !== undefined; n += 1) await server.clock.advance(SECOND);
  assert.equal(wrong()?.name, undefined, "its socket is pushed what nobody follows, or not what somebody does");
}

function pushesWhatIsFollowed({ alive, channels }: FakeSocket, device: Device): boolean {
  const { views, followed, list, user } = device;
  const threads = new Set([...views.keys(), ...followed.keys(), ...(list === null ? [] : THREADS)]);
  const expected = [...[...threads].map((id) => `thread:${id}`), `user:${user}`];
  return !alive || (channels.size === expected.length && expected.every((channel) => channels.has(channel)));
}

function check(server: Server, devices: Device[]): void {
  const { backend } = server;
  for (const device of devices) {
    assert.equal(device.client.connection.getSnapshot().status, "live", `${device.name}: the connection`);
    for (const [threadId, view] of device.views) {
      const { messages, entries, loaded, error } = view.getSnapshot();
      const where = `${device.name}: ${threadId}`;
      const stored = backend.messages(threadId);
      assert.ok(loaded && error === null, `${where}: loaded`);
      const first = messages[0]?.seq ?? stored.length + 1;
      assert.ok(first === 1 || messages.length >= 50, `${where}: enough was loaded`);
      // Attachments too: as they are now, with absolute URLs.
      const absolute = JSON.stringify(stored.slice(first - 1)).replaceAll('rl":"/', 'rl":"https://hearth.test/');
      assert.deepEqual(messages, JSON.parse(absolute), `${where}: the messages`);
      const shown = entries.filter(({ state }) => state === "sent").map(({ message }) => message?.seq);
      assert.deepEqual(
        shown,
        messages.map(({ seq }) => seq),
        `${where}: what is shown`,
      );
      for (const { state, attachments } of entries) {
        assert.notEqual(state, "sending", `${where}: still on its way`);
        // The only thing that the server may refuse here is a file that turned out to be bad.
        if (state === "failed")
          assert.ok(
            attachments.some(({ id }) => backend.files.get(id)?.status === "failed"),
            where,
          );
      }
    }
    for (const [threadId, seq] of device.followed) {
      assert.equal(seq, backend.messages(threadId).length, `${device.name}: follower of ${threadId} is behind`);
    }
    checkSent(server, device);
    checkList(server, device);
  }
}

function checkList({ backend }: Server, { name, list }: Device): void {
  if (list === null) return;
  const { threads } = list.getSnapshot();
  for (const { id, lastMessage } of threads) {
    assert.equal(lastMessage?.seq, backend.messages(id).at(-1)?.seq, `${name}: ${id} in the list`);
  }
  assert.equal(threads.length, THREADS.length, `${name}: the list`);
}

/** Each message was stored once, in the order of sending, unless it was refused and is shown as such. */
function checkSent(server: Server, device: Device): void {
  const last = new Map<string, number>();
  for (const { threadId, body } of device.sent) {
    const stored = server.backend.messages(threadId).filter((message) => message.body === body);
    const entries = device.views.get(threadId)?.getSnapshot().entries ?? [];
    const refused = entries.some((entry) => entry.state === "failed" && entry.body === body);
    assert.equal(stored.length, refused ? 0 : 1, `${device.name}: "${body.slice(0, 40)}" was stored`);
    const seq = stored[0]?.seq;
    if (seq === undefined) continue;
    assert.ok(seq > (last.get(threadId) ?? 0), `${device.name}: "${body.slice(0, 40)}" overtook`);
    last.set(threadId, seq);
  }
}
