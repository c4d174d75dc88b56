import { backoff, type Context, hearthError, mayPass, Pause } from "./context.js";
import { HearthError } from "./errors.js";
import { OutboxShelf } from "./outbox-shelf.js";
import { guarded } from "./store.js";
import type { Message, OutboxStorage, OutgoingFile } from "./types.js";

/** A message that is not sent yet. Replaced, never changed. */
export interface OutboxItem {
  /** Its idempotency key. */
  readonly key: string;
  readonly threadId: string;
  readonly body: string;
  readonly files: readonly OutgoingFile[];
  readonly createdAt: string;
  /** Ascending in the order of sending on. */
  readonly order: number;
  /** When it was first tried, in milliseconds since 1970: from then on it may have been committed. */
  readonly triedAt: number | null;
  readonly failed: boolean;
  readonly error: HearthError | null;
}

export interface OutboxListener {
  /** Something about the thread's items changed. */
  changed(): void;
  /** An item was committed as this message. */
  sent(key: string, message: Message): void;
}

/** The server remembers a key for 7 days at least. One that was tried longer ago could be sent twice. */
const KEY_LIFE = 6 * 24 * 60 * 60 * 1000;

/** What is to be sent: in order within a thread, each again with the same key until it is committed or refused for good. */
export class Outbox {
  readonly #context: Context;
  readonly #shelf: OutboxShelf;
  readonly #items = new Map<string, OutboxItem>();
  readonly #listeners = new Map<string, Set<OutboxListener>>();
  /** The threads that are being sent to, and what their next try waits for. */
  readonly #running = new Map<string, Pause>();
  #order = 0;

  constructor(context: Context, shelf?: { storage: OutboxStorage; key: string }) {
    this.#context = context;
    this.#shelf = new OutboxShelf(context, shelf);
    context.closing.add(() => this.nudge());
    for (const item of this.#shelf.load()) {
      this.#items.set(item.key, item);
      this.#order = Math.max(this.#order, item.order);
    }
    // A moment later: whoever made the client is still setting it up.
    queueMicrotask(() => {
      for (const item of this.#items.values()) this.#run(item.threadId);
    });
  }

  /** The items of a thread, in order. */
  items(threadId: string): OutboxItem[] {
    return [...this.#items.values()].filter((item) => item.threadId === threadId).sort((a, b) => a.order - b.order);
  }

  listen(threadId: string, listener: OutboxListener): () => void {
    const listeners = this.#listeners.get(threadId) ?? new Set();
    this.#listeners.set(threadId, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  add(threadId: string, body: string, files: readonly OutgoingFile[]): string {
    const { env } = this.#context;
    const key = env.uuid();
    const createdAt = new Date(env.now()).toISOString();
    const order = this.#nextOrder();
    this.#put({ key, threadId, body, files, createdAt, order, triedAt: null, failed: false, error: null });
    this.#run(threadId);
    return key;
  }

  /** Sends an item that failed again, after those that wait. */
  retry(key: string): boolean {
    const item = this.#items.get(key);
    if (!item?.failed) return false;
    // Its key is still good, unless the server may have forgotten it: then the sender has decided to send it anew.
    const triedAt = this.#tooOld(item) ? null : item.triedAt;
    this.#put({ ...item, order: this.#nextOrder(), triedAt, failed: false, error: null });
    this.#run(item.threadId);
    return true;
  }

  /** Forgets an item that cannot have been committed, or that failed. */
  discard(key: string): boolean {
    const item = this.#items.get(key);
    if (item === undefined || (!item.failed && item.triedAt !== null)) return false;
    this.#remove(item);
    this.#changed(item.threadId);
    return true;
  }

  /** The network may be back: whatever waits is tried now. */
  nudge(): void {
    for (const pause of this.#running.values()) pause.cut();
  }

  /** The item whose turn it is. */
  #first(threadId: string): OutboxItem | undefined {
    return this.items(threadId).find(({ failed }) => !failed);
  }

  #nextOrder(): number {
    // By the clock, so that items of a client before this one stay before.
    this.#order = Math.max(this.#order + 1, this.#context.env.now());
    return this.#order;
  }

  #put(item: OutboxItem): void {
    this.#items.set(item.key, item);
    this.#shelf.put(item);
    this.#changed(item.threadId);
  }

  #remove(item: OutboxItem): void {
    this.#items.delete(item.key);
    this.#shelf.remove(item.key);
  }

  #changed(threadId: string): void {
    for (const listener of [...(this.#listeners.get(threadId) ?? [])]) listener.changed();
  }

  #tooOld(item: OutboxItem): boolean {
    return item.triedAt !== null && this.#context.env.now() - item.triedAt > KEY_LIFE;
  }

  #run(threadId: string): void {
    if (this.#running.has(threadId)) return;
    const pause = new Pause();
    this.#running.set(threadId, pause);
    const sending = this.#sendAll(threadId, pause).catch(this.#context.report);
    void sending.then(() => {
      this.#running.delete(threadId);
      // What was added while this one was ending.
      if (!this.#context.closing.done && this.#first(threadId) !== undefined) this.#run(threadId);
    });
  }

  async #sendAll(threadId: string, pause: Pause): Promise<void> {
    for (let attempt = 0; !this.#context.closing.done; ) {
      const item = this.#first(threadId);
      if (item === undefined) return;
      if (this.#tooOld(item)) {
        const detail = "It is not known whether this message was sent days ago. Sent again, it may be there twice.";
        const error = new HearthError({ kind: "network", code: "maybe_sent", detail });
        this.#put({ ...item, failed: true, error });
        continue;
      }
      const tried = { ...item, triedAt: item.triedAt ?? this.#context.env.now() };
      this.#put(tried);
      try {
        await this.#send(tried);
        attempt = 0;
      } catch (error) {
        if (this.#context.closing.done) return;
        const failed = !mayPass(error);
        this.#put({ ...tried, failed, error: hearthError(error) });
        if (failed) attempt = 0;
        else await pause.wait(this.#context.env, backoff(this.#context, attempt++, error));
      }
    }
  }

  async #send(item: OutboxItem): Promise<void> {
    const { key, threadId, body, files } = item;
    const fileIds = files.map(({ id }) => id);
    const content = fileIds.length === 0 ? { body } : { body, fileIds };
    const { message } = await this.#context.api.send(threadId, content, { idempotencyKey: key });
    this.#remove(item);
    for (const listener of [...(this.#listeners.get(threadId) ?? [])]) {
      guarded(this.#context.report, () => listener.sent(key, message));
    }
    this.#changed(threadId);
  }
}
