import assert from "node:assert/strict";
import type { ThreadSummary } from "../../src/index.js";
import type { ChangeRecord, Device } from "./device.js";
import type { FakeServer } from "./fake-server.js";

/** Checks that every device shows the messages, threads and marks of the server. Called after all faults have ended. */
export function check(server: FakeServer, devices: Device[]): void {
  const { backend } = server;
  for (const device of devices) {
    assert.equal(device.client.connection.getSnapshot().status, "live", `${device.name}: the status of the connection`);
    for (const [threadId, view] of device.views) {
      const { messages, entries, loaded, error, readSeq, reads, typing } = view.getSnapshot();
      const where = `${device.name}: ${threadId}`;
      const stored = backend.messages(threadId);
      assert.ok(loaded && error === null, `${where}: not loaded, or with an error`);
      const first = messages[0]?.seq ?? stored.length + 1;
      assert.ok(first === 1 || messages.length >= 50, `${where}: less than a page of messages is loaded`);
      // The client must show the stored messages with absolute URLs and the current status of their attachments.
      const absolute = JSON.stringify(stored.slice(first - 1)).replaceAll('rl":"/', 'rl":"https://hearth.test/');
      assert.deepEqual(messages, JSON.parse(absolute), `${where}: the messages differ from the stored ones`);
      const thread = backend.threads.get(threadId);
      assert.equal(readSeq, thread?.member(device.user).readSeq, `${where}: the read mark`);
      assert.deepEqual(reads, thread?.reads(backend.shares), `${where}: the members' read marks`);
      assert.deepEqual(typing, [], `${where}: the view still shows a user as typing`);
      const shown = entries.filter(({ state }) => state === "sent").map(({ message }) => message?.seq);
      assert.deepEqual(
        shown,
        messages.map(({ seq }) => seq),
        `${where}: the entries differ from the messages`,
      );
      for (const { state, attachments, error } of entries) {
        assert.notEqual(state, "sending", `${where}: a message was not sent`);
        if (state !== "failed") continue;
        // The server refuses a message only if one of its files is `failed`. A message also fails if a reload, or an
        // error that is not retried any more, has ended an upload.
        const refused = attachments.some(({ id, status }) => (backend.files.get(id)?.status ?? status) === "failed");
        assert.ok(refused || error?.code === "upload_interrupted", `${where}: a message failed without a reason`);
        assert.ok(error?.kind !== "network", `${where}: an upload did not wait for the network`);
      }
      for (const { state, kind, error } of entries.flatMap(({ changes }) => changes)) {
        const refused = ["not_author", "edit_window_over", "message_deleted"].includes(error?.code ?? "");
        assert.ok(state === "failed" && refused, `${where}: a change was neither stored nor refused: ${kind}`);
      }
    }
    for (const [threadId, seq] of device.followed) {
      assert.equal(
        seq,
        backend.messages(threadId).length,
        `${device.name}: the follower of ${threadId} misses messages`,
      );
    }
    checkSent(server, device);
    checkChanges(server, device);
    checkLists(server, device);
  }
}

/**
 * Checks that the server has received each change that was made on the device, except changes that a later change has
 * replaced. Also checks that all messages and changes in the outbox have failed, so that none waits to be sent.
 */
function checkChanges({ backend }: FakeServer, { name, user, storage, changes, client }: Device): void {
  const same = (a: ChangeRecord, b: ChangeRecord) => a.threadId === b.threadId && a.seq === b.seq;
  for (const [index, change] of changes.entries()) {
    const later = changes.slice(index + 1).filter((other) => same(change, other));
    if (later.some(({ kind }) => kind === change.kind || kind === "remove")) continue;
    const { threadId, seq, kind, value } = change;
    const handled = backend.handled.has(`${user} ${threadId} ${seq} ${kind} ${value}`);
    assert.ok(handled, `${name}: a change is lost: ${kind} of message ${seq} in ${threadId}`);
  }
  for (const item of storage.values()) assert.ok(JSON.parse(item).failed, `${name}: an item was not sent: ${item}`);
  assert.equal(client.unsentMessages(), storage.length, `${name}: the outbox differs from its storage`);
}

/**
 * Checks that the device's lists contain the same threads as the server's lists, with the same data, in the same order.
 */
function checkLists({ backend, clock }: FakeServer, { name, user, lists }: Device): void {
  const muted = ({ mutedUntil }: ThreadSummary) => Date.parse(mutedUntil ?? "") > clock.now();
  const counted = backend.list(user, false).filter((thread) => !muted(thread));
  const unread = counted.reduce((sum, { unreadCount }) => sum + unreadCount, 0);
  for (const [index, list] of lists.entries()) {
    const { threads, ...state } = list.getSnapshot();
    const stored = backend.list(user, index === 1);
    const where = `${name}: list ${index} differs from the server's`;
    assert.deepEqual(threads.map(withoutRev), stored.map(withoutRev), where);
    const expected = { unread, loaded: true, loading: false, hasMore: false, error: null };
    assert.deepEqual(state, expected, `${name}: the state of list ${index}`);
  }
}

/** Checks that each sent message is stored once, in the order of sending, or is shown as failed and not stored. */
function checkSent(server: FakeServer, device: Device): void {
  const last = new Map<string, number>();
  for (const { threadId, body, waited } of device.sent) {
    const messages = server.backend.threads.get(threadId)?.messages ?? [];
    const stored = messages.filter(({ sentBody }) => sentBody === body);
    const entries = device.views.get(threadId)?.getSnapshot().entries ?? [];
    const refused = entries.some((entry) => entry.state === "failed" && entry.body === body);
    assert.equal(stored.length, refused ? 0 : 1, `${device.name}: stored copies of "${body.slice(0, 40)}"`);
    const seq = stored[0]?.message.seq;
    if (seq === undefined || waited) continue;
    assert.ok(
      seq > (last.get(threadId) ?? 0),
      `${device.name}: "${body.slice(0, 40)}" is stored before an earlier message`,
    );
    last.set(threadId, seq);
  }
}

/**
 * Returns a thread without the revision of its preview. A reaction to the last message changes the revision, but sends
 * no event to the inbox, so the revision in a list may be older.
 */
function withoutRev({ lastMessage, ...thread }: ThreadSummary): object {
  return { ...thread, lastMessage: lastMessage && { ...lastMessage, rev: 0 } };
}
