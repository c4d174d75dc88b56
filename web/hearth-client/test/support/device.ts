import assert from "node:assert/strict";
import { HearthClient, type Message, type ThreadList, type ThreadView, type Upload } from "../../src/index.js";
import type { FakeSocket } from "./fake-socket.js";
import type { Random } from "./random.js";
import type { Network, Server } from "./server.js";

/** Storage that outlives a client, as `localStorage` does. */
export class MemoryStorage {
  readonly #items = new Map<string, string>();

  get length(): number {
    return this.#items.size;
  }

  key(index: number): string | null {
    return [...this.#items.keys()][index] ?? null;
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
  /** How long a token of the provider is good for, in milliseconds. */
  tokenLife: number;
  /** Whether tokens tell nothing of themselves. */
  opaque?: boolean;
  list: boolean;
}

export interface SentRecord {
  threadId: string;
  body: string;
}

/** Somebody's browser: a client that is reloaded now and then, what it shows, and what has to hold of it at any time. */
export class Device {
  readonly name: string;
  readonly user: string;
  readonly network: Network = { up: true };
  readonly sockets: FakeSocket[] = [];
  readonly storage = new MemoryStorage();
  readonly sent: SentRecord[] = [];
  readonly views = new Map<string, ThreadView>();
  /** The last `seq` that the follower of a thread was given. */
  readonly followed = new Map<string, number>();
  readonly statuses: string[] = [];
  /** What went wrong where nobody could throw. */
  readonly failures: unknown[] = [];
  readonly window = Object.assign(new EventTarget(), { navigator: { onLine: true } });
  readonly document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  client: HearthClient;
  /** Without a list, nothing holds a channel but the threads that are open. */
  list: ThreadList | null;
  readonly #server: Server;
  readonly #random: Random;
  readonly #options: DeviceOptions;
  #token: { text: string; until: number } | null = null;

  constructor(server: Server, random: Random, options: DeviceOptions) {
    this.name = options.name;
    this.user = options.user;
    this.#server = server;
    this.#random = random;
    this.#options = options;
    this.client = this.#start();
    this.list = options.list ? this.client.openThreadList() : null;
  }

  /** Loads the page anew. The followers go on behind what they had. */
  reload(): void {
    const threads = [...this.views.keys()];
    this.close();
    this.client = this.#start();
    if (this.list !== null) this.list = this.client.openThreadList();
    for (const threadId of threads) this.open(threadId);
    for (const threadId of this.followed.keys()) this.#follow(threadId);
  }

  open(threadId: string): void {
    if (this.views.has(threadId)) return;
    const view = this.client.openThread(threadId);
    view.subscribe(() => this.#noting(() => this.#check(view)));
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

  send(threadId: string, body: string, fileIds: string[] = []): void {
    this.open(threadId);
    this.views.get(threadId)?.send(
      body,
      fileIds.map((id) => ({ id })),
    );
    this.sent.push({ threadId, body });
  }

  upload(name: string): Upload {
    const upload = this.client.upload(new Blob(["picture"], { type: "image/png" }), { name });
    upload.ready.catch(() => {});
    return upload;
  }

  /** The network goes, or comes back. The platform may say so. */
  setNetwork(up: boolean, told: boolean): void {
    this.network.up = up;
    if (!up) for (const socket of this.sockets) socket.die();
    this.window.navigator.onLine = up || !told;
    if (told) this.window.dispatchEvent(new Event(up ? "online" : "offline"));
  }

  setVisible(visible: boolean): void {
    this.document.visibilityState = visible ? "visible" : "hidden";
    this.document.dispatchEvent(new Event("visibilitychange"));
  }

  /** Closes the client; nothing of it may be left. */
  close(): void {
    for (const threadId of [...this.views.keys()]) this.closeView(threadId);
    this.client.close();
    for (const socket of this.sockets) assert.ok(socket.released, `${this.name}: a socket is left open`);
    this.sockets.length = 0;
  }

  #start(): HearthClient {
    const device = this;
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
      },
    });
    client.connection.subscribe(() => {
      const { status } = client.connection.getSnapshot();
      if (this.statuses.at(-1) !== status) this.statuses.push(status);
    });
    return client;
  }

  async #provide(renew: boolean): Promise<string> {
    if (this.#random.chance(this.#server.faults.tokenFails)) throw new Error("no token to be had");
    if (this.#random.chance(this.#server.faults.tokenHangs)) return new Promise(() => {});
    const now = this.#server.clock.now();
    if (renew || this.#token === null || this.#token.until <= now) {
      const { tokenLife, opaque = false } = this.#options;
      this.#token = { text: this.#server.token(this.user, tokenLife, opaque), until: now + tokenLife };
    }
    return this.#token.text;
  }

  #follow(threadId: string): void {
    const onMessage = ({ seq }: Message) => {
      const next = (this.followed.get(threadId) ?? 0) + 1;
      this.#noting(() => assert.equal(seq, next, `${this.name}: follower of ${threadId}`));
      this.followed.set(threadId, seq);
    };
    const onError = (error: Error) => this.failures.push(error);
    this.client.follow(threadId, { onMessage, onError }, this.followed.get(threadId) ?? 0);
  }

  #noting(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.failures.push(error);
    }
  }

  /** What has to hold of a thread at every moment. */
  #check(view: ThreadView): void {
    const { entries, messages } = view.getSnapshot();
    const where = `${this.name}: ${view.threadId}`;
    const first = messages[0]?.seq ?? 0;
    const ordered = messages.every(({ seq }, index) => seq === first + index);
    assert.ok(ordered, `${where}: order of ${messages.map(({ seq }) => seq)}`);
    const keys = entries.map(({ key }) => key);
    assert.equal(new Set(keys).size, keys.length, `${where}: a key is there twice`);
    const bodies = entries.map(({ body }) => body);
    const twice = bodies.find((body, index) => bodies.indexOf(body) !== index);
    assert.equal(twice, undefined, `${where}: a message is shown twice`);
  }
}
