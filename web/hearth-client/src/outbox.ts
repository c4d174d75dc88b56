import type { HearthApi } from "./api.js";
import { backoff, type Context, isTemporary, Pause, toHearthError } from "./context.js";
import { HearthError } from "./errors.js";
import { type Change, replaces } from "./message-changes.js";
import { OutboxPersistence } from "./outbox-persistence.js";
import { callSafely } from "./store.js";
import type { Message, OutboxStorage, OutgoingFile } from "./types.js";

/** A message or a change of one that waits to be sent, or that failed. Immutable: an update replaces the item. */
export interface OutboxItem {
  /** Identifies the item. A message is sent with it as the idempotency key. */
  readonly key: string;
  readonly threadId: string;
  /** The change of a committed message; null if the item is a message to send. */
  readonly change: Change | null;
  readonly body: string;
  readonly files: readonly OutgoingFile[];
  /** `seq` of the message that a message to send replies to; null if it is not a reply. */
  readonly replyTo: number | null;
  readonly createdAt: string;
  /** The position in the outbox: items with smaller values are sent first. */
  readonly order: number;
  /**
   * When the item was first sent, in milliseconds since 1970; null before that. Once sent, it may have been committed,
   * even if no response arrived.
   */
  readonly triedAt: number | null;
  readonly failed: boolean;
  readonly error: HearthError | null;
}

export interface OutboxListener {
  /** Called when an outbox item of the thread was added, changed or removed. */
  changed(): void;
  /** Called when the outbox item with this key was committed as `message`. */
  sent(key: string, message: Message): void;
}

/**
 * How long a message is retried after its first attempt, in milliseconds: 6 days. The server remembers the message's
 * idempotency key for at least 7 days. After that, a retry could create a duplicate.
 */
const KEY_LIFETIME = 6 * 24 * 60 * 60 * 1000;

/**
 * Sends each message with one idempotency key, and retries it until it is committed or refused permanently. Does the same
 * with changes of messages, which need no key because a repeated change has no effect. Sends the messages and changes of
 * a thread in order.
 */
export class Outbox {
  readonly #context: Context;
  readonly #persistence: OutboxPersistence;
  readonly #items = new Map<string, OutboxItem>();
  readonly #listeners = new Map<string, Set<OutboxListener>>();
  /** Maps the ID of each thread to which messages are being sent to the wait before the thread's next retry. */
  readonly #running = new Map<string, Pause>();
  #lastOrder = 0;
  /**
   * Until when the server refuses all messages and changes of the caller, in milliseconds since 1970. Its limit counts
   * all threads together.
   */
  #refusedUntil = 0;

  constructor(context: Context, options?: { storage: OutboxStorage; key: string }) {
    this.#context = context;
    this.#persistence = new OutboxPersistence(context, options);
    context.closing.add(() => this.#retryNow());
    context.network.add(() => this.#retryNow());
    for (const item of this.#persistence.load()) {
      this.#items.set(item.key, item);
      this.#lastOrder = Math.max(this.#lastOrder, item.order);
    }
    // Send stored messages after the current turn, when the application has finished creating the client.
    queueMicrotask(() => {
      for (const item of this.#items.values()) this.#run(item.threadId);
    });
  }

  /** Returns a thread's outbox items, in the order of sending. */
  items(threadId: string): OutboxItem[] {
    return [...this.#items.values()].filter((item) => item.threadId === threadId).sort((a, b) => a.order - b.order);
  }

  listen(threadId: string, listener: OutboxListener): () => void {
    const listeners = this.#listeners.get(threadId) ?? new Set();
    this.#listeners.set(threadId, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Adds a message. `replyTo` is the `seq` of the message that it replies to, or null. Returns the item's key. */
  add(threadId: string, body: string, files: readonly OutgoingFile[], replyTo: number | null): string {
    return this.#add({ threadId, change: null, body, files, replyTo });
  }

  /** Adds a change of a message, in place of the changes that it makes unnecessary. Returns the item's key. */
  change(threadId: string, change: Change): string {
    for (const item of this.items(threadId)) {
      if (item.change !== null && replaces(change, item.change)) this.#remove(item);
    }
    return this.#add({ threadId, change, body: "", files: [], replyTo: null });
  }

  /** Sends a failed item again, after those already waiting. Returns false if no failed item has this key. */
  retry(key: string): boolean {
    const item = this.#items.get(key);
    if (!item?.failed) return false;
    // If the key is too old, the message failed because a retry may create a duplicate. The user accepts this now, so
    // the key's age starts again.
    const triedAt = this.#keyTooOld(item) ? null : item.triedAt;
    this.#put({ ...item, order: this.#nextOrder(), triedAt, failed: false, error: null });
    this.#run(item.threadId);
    return true;
  }

  /** Removes an item that failed or was never sent. Returns false for other items: they may have been committed. */
  discard(key: string): boolean {
    const item = this.#items.get(key);
    if (item === undefined || (!item.failed && item.triedAt !== null)) return false;
    this.#remove(item);
    this.#changed(item.threadId);
    return true;
  }

  /** The number of items that are not sent, in all threads, including those that other tabs have stored. */
  get unsent(): number {
    return new Set([...this.#items.keys(), ...this.#persistence.keys()]).size;
  }

  /** Removes all items, including those that other tabs have stored. Called only after the client was closed. */
  discardAll(): void {
    this.#items.clear();
    for (const key of this.#persistence.keys()) this.#persistence.remove(key);
  }

  /** Returns when the server accepts the next item, in milliseconds since 1970; null if it may do so now. */
  get refusedUntil(): number | null {
    return this.#refusedUntil > this.#context.env.now() ? this.#refusedUntil : null;
  }

  /**
   * Sends all waiting items now instead of waiting for their next retry, but not before the server accepts them. Called
   * when the network may be back.
   */
  #retryNow(): void {
    for (const pause of this.#running.values()) pause.endNow();
  }

  /** Returns the thread's item to send next, or undefined if none is waiting. */
  #first(threadId: string): OutboxItem | undefined {
    return this.items(threadId).find(({ failed }) => !failed);
  }

  #add(content: Pick<OutboxItem, "threadId" | "change" | "body" | "files" | "replyTo">): string {
    const { env } = this.#context;
    const key = env.uuid();
    const createdAt = new Date(env.now()).toISOString();
    const order = this.#nextOrder();
    this.#put({ key, ...content, createdAt, order, triedAt: null, failed: false, error: null });
    this.#run(content.threadId);
    return key;
  }

  #nextOrder(): number {
    // Based on the clock, so that new items come after the items of an earlier client.
    this.#lastOrder = Math.max(this.#lastOrder + 1, this.#context.env.now());
    return this.#lastOrder;
  }

  #put(item: OutboxItem): void {
    this.#items.set(item.key, item);
    this.#persistence.put(item);
    this.#changed(item.threadId);
  }

  #remove(item: OutboxItem): void {
    this.#items.delete(item.key);
    this.#persistence.remove(item.key);
  }

  #changed(threadId: string): void {
    for (const listener of [...(this.#listeners.get(threadId) ?? [])]) listener.changed();
  }

  #keyTooOld(item: OutboxItem): boolean {
    const { change, triedAt } = item;
    return change === null && triedAt !== null && this.#context.env.now() - triedAt > KEY_LIFETIME;
  }

  #run(threadId: string): void {
    if (this.#running.has(threadId)) return;
    const pause = new Pause();
    this.#running.set(threadId, pause);
    const sending = this.#sendAll(threadId, pause).catch(this.#context.report);
    void sending.then(() => {
      this.#running.delete(threadId);
      // Start again if an item was added after the last one was sent.
      if (!this.#context.closing.closed && this.#first(threadId) !== undefined) this.#run(threadId);
    });
  }

  async #sendAll(threadId: string, pause: Pause): Promise<void> {
    for (let attempt = 0; !this.#context.closing.closed; ) {
      const item = this.#first(threadId);
      if (item === undefined) return;
      if (this.#keyTooOld(item)) {
        const detail = "This message may have been sent days ago. If you send it again, it may appear twice.";
        const error = new HearthError({ kind: "network", code: "maybe_sent", detail });
        this.#put({ ...item, failed: true, error });
        continue;
      }
      if (item.change !== null && this.#persistence.isGone(item.key)) {
        // Another tab has sent the change or replaced it. If it was sent again, it would undo what was changed since.
        this.#items.delete(item.key);
        this.#changed(threadId);
        continue;
      }
      const { refusedUntil } = this;
      if (refusedUntil !== null) {
        await pause.wait(this.#context.env, refusedUntil - this.#context.env.now());
        continue;
      }
      const tried = { ...item, triedAt: item.triedAt ?? this.#context.env.now() };
      this.#put(tried);
      try {
        await this.#send(tried);
        attempt = 0;
      } catch (error) {
        if (this.#context.closing.closed) return;
        const failed = !isTemporary(error);
        // A later change may have replaced this one during the request.
        if (this.#items.has(item.key)) this.#put({ ...tried, failed, error: toHearthError(error) });
        const wait = backoff(this.#context, attempt, error);
        attempt = failed ? 0 : attempt + 1;
        if (error instanceof HearthError && error.status === 429 && error.retryAfter !== null) this.#refuseFor(wait);
        else if (!failed) await pause.wait(this.#context.env, wait);
      }
    }
  }

  #refuseFor(milliseconds: number): void {
    this.#refusedUntil = Math.max(this.#refusedUntil, this.#context.env.now() + milliseconds);
    for (const threadId of this.#running.keys()) this.#changed(threadId);
  }

  async #send(item: OutboxItem): Promise<void> {
    const { key, threadId, change } = item;
    const { api, report } = this.#context;
    const message = change === null ? await this.#sendMessage(item) : await sendChange(api, threadId, change);
    this.#remove(item);
    if (change === null) {
      for (const listener of [...(this.#listeners.get(threadId) ?? [])]) {
        callSafely(report, () => listener.sent(key, message));
      }
    }
    this.#changed(threadId);
  }

  async #sendMessage({ key, threadId, body, files, replyTo }: OutboxItem): Promise<Message> {
    const fileIds = files.map(({ id }) => id);
    const content = {
      body,
      ...(fileIds.length === 0 ? {} : { fileIds }),
      ...(replyTo === null ? {} : { replyTo }),
    };
    return (await this.#context.api.send(threadId, content, { idempotencyKey: key })).message;
  }
}

function sendChange(api: HearthApi, threadId: string, { kind, seq, body, emoji }: Change): Promise<Message> {
  if (kind === "remove") return api.deleteMessage(threadId, seq);
  return kind === "edit" ? api.editMessage(threadId, seq, body ?? "") : api.react(threadId, seq, emoji);
}
