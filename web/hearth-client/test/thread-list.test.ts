import assert from "node:assert/strict";
import { test } from "node:test";
import type { HearthError, ThreadList } from "../src/index.js";
import { ThreadModel } from "../src/thread-model.js";
import { ClientFixture, rejection } from "./support/client-fixture.js";
import { deviceFixture } from "./support/device-fixture.js";
import { MAX_PUSHED_BODY } from "./support/fake-stream.js";
import { NO_FAULTS } from "./support/faults.js";
import { problem } from "./support/replies.js";
import { StubSocket } from "./support/stub-socket.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

const listFixture = (archivedList = false) => deviceFixture({}, 60 * MINUTE, { list: true, archivedList });
const ids = (list: ThreadList) => list.getSnapshot().threads.map(({ id }) => id);

test("a list shows messages, marks, settings and new threads of all devices, most recent first", async () => {
  const { clock, server, device, addDevice, commit, openThread } = listFixture();
  const tablet = addDevice("tablet", "sarah", { list: true, archivedList: true });
  await clock.advance(5 * SECOND);
  const agree = (message: string) => {
    const { backend } = server;
    for (const { lists } of [device, tablet]) {
      assert.deepEqual(lists[0]?.getSnapshot().threads, backend.list("sarah", false), message);
    }
    assert.deepEqual(tablet.lists[1]?.getSnapshot().threads, backend.list("sarah", true), message);
  };
  agree("at first");
  for (const [index, threadId] of ["thread_2", "thread_1", "thread_2"].entries()) {
    commit(`${index}`.repeat(300), threadId);
    await clock.advance(2 * SECOND);
    assert.equal(ids(device.list)[0], threadId);
    agree(`after a message in ${threadId}`);
  }
  assert.equal(tablet.list.getSnapshot().unread, 3);
  openThread();
  await clock.advance(SECOND);
  device.views.get("thread_1")?.markRead();
  await clock.advance(4 * SECOND);
  assert.equal(tablet.list.getSnapshot().unread, 2);
  agree("after a mark");
  device.send("thread_2", "hello");
  await clock.advance(3 * SECOND);
  assert.equal(tablet.list.getSnapshot().unread, 0, "the author of a message has read those before it");
  agree("after an own message");
  server.backend.addThread("thread_3", ["sarah", "dad"]);
  await clock.advance(2 * SECOND);
  assert.ok(ids(device.list).includes("thread_3"));
  agree("after a new thread");
  tablet.set("thread_2", { archived: true });
  device.set("thread_3", { mutedUntil: "2030-01-01T00:00:00.000Z" });
  await clock.advance(3 * SECOND);
  assert.ok(!ids(device.list).includes("thread_2"));
  agree("after new settings");
  commit("to an archived thread", "thread_2");
  await clock.advance(3 * SECOND);
  agree("an archived thread stays archived");
  assert.deepEqual([...device.failures, ...tablet.failures], []);
  for (const { name, client } of [device, tablet]) {
    client.close();
    await clock.advance(0);
    assert.equal(clock.pending(name), 0);
  }
});

test("own messages are never unread on another device, and two tabs agree on the others", async () => {
  const { clock, server, device, addDevice, commit, openThread } = listFixture();
  const tablet = addDevice("tablet", "sarah", { list: true });
  await clock.advance(5 * SECOND);
  let most = 0;
  tablet.list.subscribe(() => {
    most = Math.max(most, tablet.list.getSnapshot().unread);
  });
  openThread();
  await clock.advance(SECOND);
  for (const body of ["short", "x".repeat(MAX_PUSHED_BODY + 1), "short again", "y".repeat(MAX_PUSHED_BODY + 1)]) {
    // The tablet first receives previews for its list. With the thread open, it receives the messages themselves.
    if (body === "short again") tablet.open("thread_1");
    await clock.advance(SECOND);
    device.send("thread_1", body);
    for (let n = 0; n < 50; n += 1) await clock.advance(100);
    assert.equal(tablet.list.getSnapshot().threads[0]?.lastMessage?.body.slice(0, 5), body.slice(0, 5));
  }
  // The server's list may contain the message before the author's read mark is moved. Simulate this: marks never move.
  Object.assign(server.backend.threads.get("thread_2") ?? {}, { read: () => false });
  device.send("thread_2", "to the other thread");
  await clock.advance(3 * SECOND);
  tablet.reload();
  await clock.advance(3 * SECOND);
  const { unread, threads } = tablet.list.getSnapshot();
  assert.deepEqual([threads[0]?.lastMessage?.body, unread, most], ["to the other thread", 0, 0]);
  commit("one");
  commit("two");
  await clock.advance(3 * SECOND);
  device.views.get("thread_1")?.markRead(5);
  await clock.advance(4 * SECOND);
  for (const { list } of [device, tablet]) assert.equal(list.getSnapshot().unread, 1);
  for (const closing of [device, tablet]) closing.close();
});

test("a truncated message is in the list even if its thread is closed before it arrives", async () => {
  const { clock, device, commit, openThread } = listFixture();
  openThread();
  await clock.advance(5 * SECOND);
  const { seq } = commit("x".repeat(MAX_PUSHED_BODY + 1));
  device.closeView("thread_1");
  await clock.advance(3 * SECOND);
  const [first] = device.list.getSnapshot().threads;
  assert.deepEqual([first?.id, first?.lastSeq, first?.lastMessage?.seq], ["thread_1", seq, seq]);
  device.client.close();
});

test("a created thread is in the list immediately, and gets its members' names", async () => {
  const { clock, device } = listFixture();
  await clock.advance(5 * SECOND);
  const names = () => device.list.getSnapshot().threads.find(({ id }) => id === "thread_of_mum_sarah")?.memberNames;
  const creating = device.client.api.createThread(["mum"]).then(() => names());
  await clock.advance(3 * SECOND);
  assert.deepEqual(await creating, ["mum", "sarah"]);
  assert.deepEqual(names(), ["MUM", "SARAH"]);
  device.client.close();
});

test("a connect costs a ticket, the pages of the list, and one request for each open thread", async () => {
  const { clock, server, device, openThread, connection } = listFixture();
  for (let n = 3; n <= 120; n += 1) server.backend.addThread(`thread_${n}`, ["sarah", "dad"]);
  openThread();
  await clock.advance(5 * SECOND);
  for (const reconnect of [() => device.reload(), () => device.sockets.at(-1)?.closeByServer()]) {
    server.requests.length = 0;
    reconnect();
    await clock.advance(10 * SECOND);
    assert.equal(connection().status, "live");
    const requests = server.requests.map((request) => request.replace(/cursor=.*/, "cursor=…")).sort();
    // Ignore the request for the newest messages of the open thread: it is sent when the thread is opened, not per
    // connect.
    const others = requests.filter((request) => request !== "GET /api/threads/thread_1/messages");
    assert.deepEqual(others, [
      "GET /api/threads/thread_1",
      "GET /api/threads?limit=100&archived=false",
      "GET /api/threads?limit=100&archived=false&cursor=…",
      "POST /api/ws-tickets",
    ]);
  }
  assert.equal(ids(device.list).length, 100);
  device.client.close();
});

test("loadMore shows 100 more threads without a request", async () => {
  const { clock, server, device } = listFixture();
  for (let n = 3; n <= 250; n += 1) server.backend.addThread(`thread_${n}`, ["sarah"]);
  await clock.advance(5 * SECOND);
  const requests = server.requests.length;
  const { list } = device;
  const shown = () => [list.getSnapshot().threads.length, list.getSnapshot().hasMore];
  for (const expected of [
    [100, true],
    [200, true],
    [250, false],
    [250, false],
  ]) {
    assert.deepEqual(shown(), expected);
    list.loadMore();
  }
  assert.equal(server.requests.length, requests);
  device.client.close();
});

test("unread messages of archived and muted threads do not count, until the mute ends", async () => {
  const { clock, server, device, commit } = listFixture();
  const { client, list } = device;
  await clock.advance(5 * SECOND);
  for (const threadId of ["thread_1", "thread_1", "thread_2"]) commit("hello", threadId);
  server.backend.addThread("thread_3", ["sarah", "dad"]);
  for (let n = 0; n < 4; n += 1) commit("hello", "thread_3");
  await clock.advance(3 * SECOND);
  assert.equal(list.getSnapshot().unread, 7);
  const change = Promise.all([
    client.setArchived("thread_3", true),
    client.mute("thread_1", new Date(clock.now() + MINUTE).toISOString()),
  ]);
  assert.equal(list.getSnapshot().unread, 1, "a change must take effect at once");
  await clock.advance(5 * SECOND);
  await change;
  let calls = 0;
  list.subscribe(() => {
    calls += 1;
  });
  await clock.advance(54 * SECOND);
  assert.deepEqual([list.getSnapshot().unread, calls], [1, 0]);
  await clock.advance(2 * SECOND);
  assert.deepEqual([list.getSnapshot().unread, calls], [3, 1], "listeners must be called when the mute ends");
  device.client.close();
});

test("refresh rejects with the error that the list shows, and the list retries", async () => {
  const { clock, server, device } = listFixture();
  const { list } = device;
  await clock.advance(5 * SECOND);
  server.faults = { ...NO_FAULTS, errorBefore: 1 };
  const failure = rejection(list.refresh());
  await clock.advance(SECOND);
  assert.equal(((await failure) as HearthError).status, 503);
  const { error, loaded, threads } = list.getSnapshot();
  assert.deepEqual([error?.status, loaded, threads.length], [503, true, 2]);
  server.faults = NO_FAULTS;
  await clock.advance(MINUTE);
  assert.equal(list.getSnapshot().error, null);
  const refreshed = list.refresh();
  await clock.advance(SECOND);
  await refreshed;
  const late = rejection(list.refresh());
  list.close();
  assert.equal(((await late) as Error).name, "AbortError");
  assert.equal(((await rejection(list.refresh())) as Error).name, "AbortError");
  device.client.close();
});

test("a preview has the first 200 characters of a body, and counts an emoji as one", () => {
  const model = new ThreadModel(() => "me");
  const times = { createdAt: "2026", updatedAt: "2026" };
  model.addCreated({ id: "thread_1", title: null, memberIds: ["a"], ...times });
  for (const [seq, count] of [199, 200, 201, 8_000].entries()) {
    const author = { id: "a", name: "Ann" };
    const changed = { rev: 0, reactions: [] };
    const message = {
      id: `msg_${seq}`,
      threadId: "thread_1",
      seq,
      author,
      attachments: [],
      createdAt: "2026",
      ...changed,
    };
    model.message({ ...message, body: "👪".repeat(count) });
    const { body, truncated = false } = model.get("thread_1")?.lastMessage ?? {};
    assert.deepEqual([[...(body ?? "")].length, truncated], [Math.min(count, 200), count > 200]);
  }
});

test("without a WebSocket, the list is loaded by REST", async () => {
  const row = {
    ...{ id: "thread_1", title: null, memberIds: ["a"], memberNames: ["Ann"], createdAt: "2026", updatedAt: "2026" },
    ...{ lastSeq: 0, lastMessage: null, readSeq: 0, unreadCount: 0, archived: false, mutedUntil: null },
  };
  const fixture = new ClientFixture(({ path }) => {
    return { status: 200, body: path.includes("/threads") ? { threads: [row], nextCursor: null } : { id: "a" } };
  });
  const list = fixture.client.openThreadList();
  await fixture.clock.advance(0);
  assert.deepEqual(list.getSnapshot().threads, [row]);
  assert.equal(fixture.client.userId, "a", "the token is not a JWT, so the server must be asked");
  fixture.client.close();
  await fixture.clock.advance(0);
  assert.equal(fixture.clock.pending("client"), 0);
});

/** A WebSocket that acknowledges the inbox, and pushes a message in each of three threads that are not in the list. */
class Pushing extends StubSocket {
  constructor() {
    super();
    queueMicrotask(() => this.onopen?.({} as never));
  }

  override send(text: string): void {
    const { action, id } = JSON.parse(text) as { action: string; id: number };
    if (action !== "subscribe") return;
    const push = (frame: object) => queueMicrotask(() => this.onmessage?.({ data: JSON.stringify(frame) } as never));
    push({ event: "subscribed", data: { channel: "inbox" }, id });
    for (const threadId of ["thread_1", "thread_2", "thread_3"]) {
      const thread = { id: threadId, lastSeq: 1, updatedAt: "2026", lastMessage: preview(threadId) };
      push({ event: "thread:updated", data: { thread, sent: [] } });
    }
  }
}

const preview = (threadId: string) => {
  return {
    id: "msg_1",
    threadId,
    seq: 1,
    body: "hello",
    author: { id: "b", name: "Bob" },
    attachments: [],
    createdAt: "2026",
  };
};

test("an error for one thread does not stop the list from fetching the others", async () => {
  const fixture = new ClientFixture(
    ({ path }) => {
      if (path.endsWith("/ws-tickets")) return { status: 200, body: { ticket: "t" } };
      if (path.includes("/threads?")) return { status: 200, body: { threads: [], nextCursor: null } };
      const id = /thread_\d/.exec(path)?.[0];
      if (id === "thread_1") return problem(404, "thread_not_found");
      const own = { readSeq: 0, archived: false, mutedUntil: null, reads: [] };
      return {
        status: 200,
        body: {
          id,
          title: null,
          memberIds: [],
          memberNames: [],
          createdAt: "2026",
          updatedAt: "2026",
          lastSeq: 1,
          ...own,
        },
      };
    },
    { environment: { WebSocket: Pushing } },
  );
  const list = fixture.client.openThreadList();
  await fixture.clock.advance(SECOND);
  assert.deepEqual(ids(list), ["thread_3", "thread_2"]);
  assert.deepEqual(
    list.getSnapshot().threads.map(({ lastMessage }) => lastMessage?.body),
    ["hello", "hello"],
  );
  const codes = fixture.errors.map((error) => (error as HearthError).code);
  assert.deepEqual(codes, ["thread_not_found"]);
  fixture.client.close();
});
