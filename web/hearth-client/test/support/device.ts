import assert from "node:assert/strict";
import {
  HearthClient,
  type Message,
  type ThreadList,
  type ThreadSummary,
  type ThreadView,
  type Upload,
} from "../../src/index.js";
import type { FakeBrowser } from "./fake-browser.js";
import type { FakeServer, Network } from "./fake-server.js";
import type { FakeSocket } from "./fake-socket.js";
import type { Random } from "./random.js";

/** An in-memory Web Storage. It keeps its items when a test reloads the page, like `localStorage`. */
export class MemoryStorage {
  readonly #items = new Map<string, string>();

  get length(): number {
    return this.#items.size;
  }

  key(index: number): string | null {
    return [...this.#items.keys()][index] ?? null;
  }

  values(): string[] {
    return [...this.#items.values()];
  }

  getItem(name: string): string | null {
    return this.#items.get(name) ?? null;
  }

  setItem(name: string, value: string): void {
    this.#items.set(name, value);
  }

  removeItem(name: string): void {
    this.#items.delete(name);
  }
}

export interface DeviceOptions {
  name: string;
  user: string;
  /** The lifetime of the tokens that the device's token provider returns, in milliseconds. */
  tokenLifetime: number;
  /** Whether tokens are opaque: not JWTs, so the client does not know when they expire. */
  opaque?: boolean;
  /** Whether the token provider returns an expired token until the client asks it to renew the token. */
  stale?: boolean;
  /** Whether the device keeps the thread list open. */
  list: boolean;
  /** Whether the device keeps the list of archived threads open. */
  archivedList?: boolean;
  /** The browser, if the device is to have push notifications. */
  browser?: FakeBrowser;
}

export interface SentRecord {
  threadId: string;
  body: string;
  /** Whether the message has waited for an upload, so that later messages may have been sent before it. */
  waited: boolean;
}

/** A change of a message that was made on a device. */
export interface ChangeRecord {
  threadId: string;
  seq: number;
  kind: "edit" | "remove" | "react";
  /** The new text, or the emoji; null if there is none. */
  value: string | null;
}

/**
 * A simulated browser tab of one user: a client with open threads. Checks after each change that its views are valid.
 */
export class Device {
  readonly name: string;
  readonly user: string;
  readonly network: Network = { up: true, unhandledFrames: 0, refusedUntil: 0 };
  readonly sockets: FakeSocket[] = [];
  readonly storage = new MemoryStorage();
  readonly sent: SentRecord[] = [];
  readonly changes: ChangeRecord[] = [];
  readonly views = new Map<string, ThreadView>();
  /** The last `seq` that `client.follow` delivered, by thread ID. */
  readonly followed = new Map<string, number>();
  readonly statuses: string[] = [];
  /** Failed checks in callbacks, and errors passed to `onError`. Tests fail if there are any. */
  readonly failures: unknown[] = [];
  readonly window: EventTarget & { navigator: { onLine: boolean } };
  readonly document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  client: HearthClient;
  /**
   * The open lists of threads. The list of archived threads comes last. Without an open list, the client does not
   * subscribe to the inbox.
   */
  lists: ThreadList[] = [];
  readonly #server: FakeServer;
  readonly #random: Random;
  readonly #options: DeviceOptions;
  #token: { text: string; until: number } | null = null;

  constructor(server: FakeServer, random: Random, options: DeviceOptions) {
    this.name = options.name;
    this.user = options.user;
    this.#server = server;
    this.#random = random;
    this.#options = options;
    const { locks, standalone } = options.browser ?? {};
    const navigator = { onLine: true, ...(locks && { locks }), ...(standalone !== undefined && { standalone }) };
    this.window = Object.assign(new EventTarget(), { navigator });
    this.client = this.#start();
    this.#openLists();
  }

  get list(): ThreadList {
    const [list] = this.lists;
    assert.ok(list !== undefined, `${this.name} has no thread list`);
    return list;
  }

  /**
   * Reloads the page: creates a new client with the same storage. Each call of `client.follow` is repeated, and
   * continues after the last message that it delivered.
   */
  reload(): void {
    const threads = [...this.views.keys()];
    this.close();
    // A new client does not know until when the server refuses messages, so it may send messages before that time.
    this.network.refusedUntil = 0;
    this.client = this.#start();
    this.#openLists();
    for (const threadId of threads) this.open(threadId);
    for (const threadId of this.followed.keys()) this.#follow(threadId);
  }

  open(threadId: string): void {
    if (this.views.has(threadId)) return;
    const view = this.client.openThread(threadId);
    let readSeq = 0;
    const revs = new Map<number, number>();
    view.subscribe(() => {
      this.#recordFailure(() => this.#check(view, revs));
      const next = view.getSnapshot().readSeq ?? 0;
      if (next < readSeq) this.failures.push(new Error(`${this.name}: the read mark of ${threadId} moves back`));
      readSeq = next;
    });
    this.views.set(threadId, view);
  }

  closeView(threadId: string): void {
    this.views.get(threadId)?.close();
    this.views.delete(threadId);
  }

  follow(threadId: string): void {
    if (this.followed.has(threadId)) return;
    this.followed.set(threadId, 0);
    this.#follow(threadId);
  }

  /**
   * Changes the settings of a thread. While the network is down, the client retries, until the change is stored or a
   * reload.
   */
  set(threadId: string, change: { archived: boolean } | { mutedUntil: string | null }): void {
    const { client } = this;
    const stored =
      "archived" in change ? client.setArchived(threadId, change.archived) : client.mute(threadId, change.mutedUntil);
    stored.catch((error: unknown) => {
      if (this.client === client) this.failures.push(error);
    });
  }

  send(threadId: string, body: string, fileIds: string[] = [], replyTo: number | null = null): void {
    this.open(threadId);
    const files = fileIds.map((id) => ({ id }));
    this.views.get(threadId)?.send(body, files, replyTo === null ? {} : { replyTo });
    this.sent.push({ threadId, body, waited: false });
  }

  /** Sends a message whose file is being uploaded. */
  sendUpload(threadId: string, body: string, name: string): void {
    this.open(threadId);
    this.views.get(threadId)?.send(body, [{ upload: this.upload(name), name }]);
    this.sent.push({ threadId, body, waited: true });
  }

  change(threadId: string, seq: number, kind: ChangeRecord["kind"], value: string | null): void {
    const view = this.views.get(threadId);
    if (kind === "edit") view?.edit(seq, value ?? "");
    else if (kind === "remove") view?.remove(seq);
    else if (value === null) view?.unreact(seq);
    else view?.react(seq, value);
    this.changes.push({ threadId, seq, kind, value });
  }

  upload(name: string): Upload {
    const upload = this.client.upload(new Blob(["picture"], { type: "image/png" }), { name });
    upload.ready.catch(() => {});
    return upload;
  }

  /** Turns the device's network on or off. With `announced`, the browser also fires `online` or `offline`. */
  setNetwork(up: boolean, announced: boolean): void {
    this.network.up = up;
    if (!up) for (const socket of this.sockets) socket.dieSilently();
    this.window.navigator.onLine = up || !announced;
    if (announced) this.window.dispatchEvent(new Event(up ? "online" : "offline"));
  }

  setVisible(visible: boolean): void {
    this.document.visibilityState = visible ? "visible" : "hidden";
    this.document.dispatchEvent(new Event("visibilitychange"));
  }

  /** Closes the client. Throws if a socket is still open afterwards. */
  close(): void {
    for (const threadId of [...this.views.keys()]) this.closeView(threadId);
    this.client.close();
    for (const socket of this.sockets) assert.ok(socket.released, `${this.name}: the client left a socket open`);
    this.sockets.length = 0;
  }

  #start(): HearthClient {
    const device = this;
    const { browser } = this.#options;
    const Socket = this.#server.socketClass(this.network);
    class Recorded extends Socket {
      constructor(url: string) {
        super(url);
        device.sockets.push(this);
      }
    }
    const client = new HearthClient({
      apiUrl: "https://hearth.test/",
      wsUrl: "wss://hearth.test/live",
      token: ({ renew }) => this.#provide(renew),
      outbox: { storage: this.storage, key: `outbox-${this.user}` },
      ...(browser && {
        notifications: { worker: browser.worker, storage: browser.storage(this.window), key: `push-${this.user}` },
      }),
      onError: (error) => this.failures.push(error),
      environment: {
        fetch: this.#server.fetch(this.network),
        WebSocket: Recorded,
        XMLHttpRequest: null,
        schedule: this.#server.clock.scheduler(this.name),
        now: this.#server.clock.now,
        random: this.#random.next,
        uuid: () => `key-${this.#random.next()}-${this.#random.next()}`,
        window: this.window,
        document: this.document,
        Notification: browser?.Notification ?? null,
      },
    });
    client.connection.subscribe(() => {
      const { status } = client.connection.getSnapshot();
      if (this.statuses.at(-1) !== status) this.statuses.push(status);
    });
    return client;
  }

  #openLists(): void {
    const { list, archivedList = false } = this.#options;
    this.lists = [];
    if (list) this.lists.push(this.client.openThreadList());
    if (archivedList) this.lists.push(this.client.openThreadList({ archived: true }));
    for (const opened of this.lists) {
      const before = new Map<string, ThreadSummary>();
      opened.subscribe(() => this.#recordFailure(() => this.#checkList(opened, before)));
    }
  }

  async #provide(renew: boolean): Promise<string> {
    if (this.#random.chance(this.#server.faults.tokenFails)) throw new Error("The test's token provider failed.");
    if (this.#random.chance(this.#server.faults.tokenHangs)) return new Promise(() => {});
    const now = this.#server.clock.now();
    const { tokenLifetime, opaque = false, stale = false } = this.#options;
    if (renew || this.#token === null || (this.#token.until <= now && !stale)) {
      this.#token = { text: this.#server.token(this.user, tokenLifetime, opaque), until: now + tokenLifetime };
    }
    return this.#token.text;
  }

  #follow(threadId: string): void {
    const onMessage = ({ seq }: Message) => {
      const next = (this.followed.get(threadId) ?? 0) + 1;
      this.#recordFailure(() =>
        assert.equal(seq, next, `${this.name}: the follower of ${threadId} got a message out of order`),
      );
      this.followed.set(threadId, seq);
    };
    const onError = (error: Error) => this.failures.push(error);
    this.client.follow(threadId, { onMessage, onError }, this.followed.get(threadId) ?? 0);
  }

  #recordFailure(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.failures.push(error);
    }
  }

  /**
   * Checks the rules that always hold for a list: the threads are in order, and the read mark and last `seq` of a
   * thread never get smaller. `before` contains the threads as the list has shown them last.
   */
  #checkList(list: ThreadList, before: Map<string, ThreadSummary>): void {
    const { threads } = list.getSnapshot();
    const order = threads.map(({ updatedAt, id }) => `${updatedAt} ${id}`);
    assert.deepEqual(order, [...order].sort().reverse(), `${this.name}: the list is not sorted by activity`);
    for (const thread of threads) {
      const { readSeq = 0, lastSeq = 0 } = before.get(thread.id) ?? {};
      assert.ok(thread.readSeq >= readSeq, `${this.name}: the read mark of ${thread.id} moves back in the list`);
      assert.ok(thread.lastSeq >= lastSeq, `${this.name}: the last message of ${thread.id} disappears from the list`);
      before.set(thread.id, thread);
    }
  }

  /**
   * Checks the rules that always hold for a view: messages are in order without gaps, no message is shown twice, and no
   * message returns to an earlier revision. `revs` contains the last shown revision of each message, by `seq`.
   */
  #check(view: ThreadView, revs: Map<number, number>): void {
    const { entries, messages } = view.getSnapshot();
    const where = `${this.name}: ${view.threadId}`;
    const first = messages[0]?.seq ?? 0;
    const ordered = messages.every(({ seq }, index) => seq === first + index);
    assert.ok(ordered, `${where}: messages out of order or with gaps: ${messages.map(({ seq }) => seq)}`);
    const keys = entries.map(({ key }) => key);
    assert.equal(new Set(keys).size, keys.length, `${where}: two entries have the same key`);
    for (const { seq, rev } of messages) {
      assert.ok(rev >= (revs.get(seq) ?? 0), `${where}: message ${seq} returns to revision ${rev}`);
      revs.set(seq, rev);
    }
    const bodies = entries.flatMap(({ body, message }) => (message?.deletedAt === undefined ? body : []));
    const twice = bodies.find((body, index) => bodies.indexOf(body) !== index);
    assert.equal(twice, undefined, `${where}: a message is shown twice`);
  }
}
