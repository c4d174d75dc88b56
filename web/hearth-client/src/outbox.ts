import { backoff, type Context, isTemporary, Pause, toHearthError } from "./context.js";
import { HearthError } from "./errors.js";
import { type Change, replaces } from "./message-changes.js";
import { isComplete, type OutboxFile, type OutboxItem, type OutboxListener } from "./outbox-item.js";
import { OutboxPersistence } from "./outbox-persistence.js";
import { sendItem } from "./outbox-request.js";
import { OutboxUploads, outboxFiles } from "./outbox-uploads.js";
import { callSafely } from "./store.js";
import type { OutboxStorage, OutgoingFile, UploadingFile, UploadProgress } from "./types.js";

/** A loop that sends the items of one thread, one after the other. */
interface Run {
  /** The wait before the next retry. */
  readonly pause: Pause;
  /** The request that is under way; null if there is none. */
  request: { readonly key: string; readonly controller: AbortController } | null;
}

/**
 * How long a message is retried after its first attempt, in milliseconds: 6 days. The server remembers the message's
 * idempotency key for at least 7 days. After that, a retry could create a duplicate.
 */
const KEY_LIFETIME = 6 * 24 * 60 * 60 * 1000;

/**
 * Sends each message with one idempotency key, and retries it until it is committed or refused permanently. Retries
 * changes of messages in the same way; they need no key, because a repeated change has no effect. Sends the messages
 * and changes of a thread in order.
 */
export class Outbox {
  readonly #context: Context;
  readonly #persistence: OutboxPersistence;
  readonly #items = new Map<string, OutboxItem>();
  readonly #listeners = new Map<string, Set<OutboxListener>>();
  readonly #uploads: OutboxUploads;
  /** The running loops, by thread ID: of all threads with items that are being sent or wait for a retry. */
  readonly #running = new Map<string, Run>();
  #lastOrder = 0;
  /**
   * Until when the server refuses all messages and changes of the caller, in milliseconds since 1970. The server's
   * limit counts the messages in all threads together.
   */
  #refusedUntil = 0;

  constructor(context: Context, options?: { storage: OutboxStorage; key: string }) {
    this.#context = context;
    this.#persistence = new OutboxPersistence(context, options);
    context.closing.add(() => this.#retryNow());
    context.network.add(() => this.#retryNow());
    this.#uploads = new OutboxUploads(context, `${options?.key ?? ""}:`, {
      uploaded: (key, index, id) => this.#fileChanged(key, index, { id }, null),
      failed: (key, index, error) => this.#fileChanged(key, index, { failed: true }, error),
      progressed: (key) => this.#changed(this.#items.get(key)?.threadId),
    });
    for (const item of this.#persistence.load()) {
      this.#items.set(item.key, item);
      this.#lastOrder = Math.max(this.#lastOrder, item.order);
      if (!isComplete(item)) this.#uploads.whenEnded(item.key, () => this.#uploadsEnded(item));
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
  add(
    threadId: string,
    body: string,
    files: readonly (OutgoingFile | UploadingFile)[],
    replyTo: number | null,
  ): string {
    const { stored, uploads } = outboxFiles(files);
    const key = this.#add({ threadId, change: null, body, files: stored, replyTo });
    if (uploads.size > 0) this.#uploads.start(key, uploads);
    return key;
  }

  /** Adds a change of a message, in place of the changes that it makes unnecessary. Returns the item's key. */
  change(threadId: string, change: Change): string {
    for (const item of this.items(threadId)) {
      if (item.change !== null && replaces(change, item.change)) this.#remove(item);
    }
    return this.#add({ threadId, change, body: "", files: [], replyTo: null });
  }

  /**
   * Sends a failed item again, after the items that already wait. Returns false if no failed item has this key, or if
   * this tab does not have the bytes of a file that must be uploaded again.
   */
  retry(key: string): boolean {
    const item = this.#items.get(key);
    if (!item?.failed || !this.#uploads.restart(key, item.files)) return false;
    // If the key is too old, the message failed because a retry may create a duplicate. The user accepts this now, so
    // the key's age starts again.
    const triedAt = this.#keyTooOld(item) ? null : item.triedAt;
    const files = item.files.map(({ failed: _, ...file }) => file);
    this.#put({ ...item, files, order: this.#nextOrder(), triedAt, failed: false, error: null });
    this.#run(item.threadId);
    return true;
  }

  /**
   * Removes an item that failed or was never sent, or with `force` any item, and aborts its request. Returns false if
   * no item has this key, or if the item was sent, and so may have been committed, and `force` is false.
   */
  discard(key: string, force: boolean): boolean {
    const item = this.#items.get(key);
    if (item === undefined || (!force && !item.failed && item.triedAt !== null)) return false;
    this.#remove(item);
    const run = this.#running.get(item.threadId);
    if (run?.request?.key === key) run.request.controller.abort();
    run?.pause.endNow();
    this.#changed(item.threadId);
    return true;
  }

  /** Returns the progress of the uploads for which an item waits; null if it does not wait for any. */
  uploadProgress(key: string): UploadProgress | null {
    return this.#uploads.progress(key);
  }

  /**
   * The number of items in the outbox, waiting or failed, in all threads, including items that other tabs have stored.
   */
  get unsent(): number {
    return new Set([...this.#items.keys(), ...this.#persistence.keys()]).size;
  }

  /** Removes all items, including those that other tabs have stored. Called only after the client was closed. */
  discardAll(): void {
    this.#uploads.abortAll();
    this.#items.clear();
    for (const key of this.#persistence.keys()) this.#persistence.remove(key);
  }

  /**
   * Returns when the server accepts the next item, in milliseconds since 1970; null if it is not known to refuse items.
   */
  get refusedUntil(): number | null {
    return this.#refusedUntil > this.#context.env.now() ? this.#refusedUntil : null;
  }

  /**
   * Sends all waiting items now instead of waiting for their next retry, but not before the server accepts them. Called
   * when the network may be back.
   */
  #retryNow(): void {
    for (const { pause } of this.#running.values()) pause.endNow();
  }

  /**
   * Returns the thread's item to send next, or undefined if none is waiting. A message whose files are being uploaded
   * does not delay later ones.
   */
  #first(threadId: string): OutboxItem | undefined {
    return this.items(threadId).find((item) => !item.failed && isComplete(item));
  }

  /** Records in an item that the upload of one of its files has ended. `error` is null if the file is uploaded. */
  #fileChanged(key: string, index: number, change: Partial<OutboxFile>, error: HearthError | null): void {
    const item = this.#items.get(key);
    if (item === undefined) return;
    if (this.#persistence.isGone(key)) {
      this.#uploads.abort(key);
      return this.#forget(item);
    }
    const files = item.files.map((file, position) => (position === index ? { ...file, ...change } : file));
    const changed = { ...item, files, failed: item.failed || error !== null, error: item.error ?? error };
    if (isComplete(changed)) this.#uploads.done(key);
    this.#put(changed);
    this.#run(item.threadId);
  }

  /**
   * Continues with an item from the storage after the tab that was uploading its files has ended the uploads: sends the
   * item if all its files are uploaded. Otherwise that tab was closed before, and the item fails.
   */
  #uploadsEnded(loaded: OutboxItem): void {
    if (!this.#items.has(loaded.key)) return;
    const item = this.#persistence.reload(loaded.key);
    if (item === null) return this.#forget(loaded);
    const detail = "The page was closed before all files were uploaded. Attach the files again.";
    const error = new HearthError({ kind: "file", code: "upload_interrupted", detail });
    if (isComplete(item) || item.failed) this.#items.set(item.key, item);
    else {
      const files = item.files.map((file) => (file.id === null ? { ...file, failed: true } : file));
      this.#put({ ...item, files, failed: true, error });
    }
    this.#changed(item.threadId);
    this.#run(item.threadId);
  }

  /** Forgets an item that another tab has sent, replaced or discarded. */
  #forget(item: OutboxItem): void {
    this.#items.delete(item.key);
    this.#changed(item.threadId);
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
    // Based on the clock, so that new items come after items that the page has stored before a reload.
    this.#lastOrder = Math.max(this.#lastOrder + 1, this.#context.env.now());
    return this.#lastOrder;
  }

  #put(item: OutboxItem): void {
    this.#items.set(item.key, item);
    this.#persistence.put(item);
    this.#changed(item.threadId);
  }

  #remove(item: OutboxItem): void {
    this.#uploads.abort(item.key);
    this.#items.delete(item.key);
    this.#persistence.remove(item.key);
  }

  #changed(threadId: string | undefined): void {
    for (const listener of [...(this.#listeners.get(threadId ?? "") ?? [])]) listener.changed();
  }

  #keyTooOld(item: OutboxItem): boolean {
    const { change, triedAt } = item;
    return change === null && triedAt !== null && this.#context.env.now() - triedAt > KEY_LIFETIME;
  }

  #run(threadId: string): void {
    if (this.#running.has(threadId)) return;
    const run: Run = { pause: new Pause(), request: null };
    this.#running.set(threadId, run);
    const sending = this.#sendAll(threadId, run).catch(this.#context.report);
    void sending.then(() => {
      this.#running.delete(threadId);
      // Start again if an item was added after the last one was sent.
      if (!this.#context.closing.closed && this.#first(threadId) !== undefined) this.#run(threadId);
    });
  }

  async #sendAll(threadId: string, run: Run): Promise<void> {
    const { env } = this.#context;
    const { pause } = run;
    for (let attempt = 0; !this.#context.closing.closed; ) {
      const item = this.#first(threadId);
      if (item === undefined) return;
      if (this.#keyTooOld(item)) {
        const detail = "This message may have been sent days ago. If you send it again, it may appear twice.";
        const error = new HearthError({ kind: "network", code: "maybe_sent", detail });
        this.#put({ ...item, failed: true, error });
        continue;
      }
      if (this.#persistence.isGone(item.key)) {
        // Another tab has sent, replaced or discarded the item. A change that is sent again could undo later changes,
        // and a discarded message must not be sent.
        this.#forget(item);
        continue;
      }
      const { refusedUntil } = this;
      if (refusedUntil !== null) {
        await pause.wait(env, refusedUntil - env.now());
        continue;
      }
      const offline = env.window?.navigator?.onLine === false;
      const tried = { ...item, triedAt: item.triedAt ?? env.now() };
      this.#put(tried);
      const controller = new AbortController();
      run.request = { key: item.key, controller };
      try {
        await this.#send(tried, controller.signal);
        attempt = 0;
      } catch (error) {
        if (this.#context.closing.closed) return;
        if (controller.signal.aborted) continue;
        const failed = !isTemporary(error);
        // Without a network, the request cannot have reached the server, so the item still counts as never sent.
        const unsent = offline && error instanceof HearthError && error.code === "network_error";
        const { triedAt } = unsent ? item : tried;
        // A later change may have replaced this one during the request.
        if (this.#items.has(item.key)) this.#put({ ...tried, triedAt, failed, error: toHearthError(error) });
        const wait = backoff(this.#context, attempt, error);
        attempt = failed ? 0 : attempt + 1;
        if (error instanceof HearthError && error.status === 429 && error.retryAfter !== null) this.#refuseFor(wait);
        else if (!failed) await pause.wait(env, wait);
      } finally {
        run.request = null;
      }
    }
  }

  #refuseFor(milliseconds: number): void {
    this.#refusedUntil = Math.max(this.#refusedUntil, this.#context.env.now() + milliseconds);
    for (const threadId of this.#running.keys()) this.#changed(threadId);
  }

  async #send(item: OutboxItem, signal: AbortSignal): Promise<void> {
    const { key, threadId, change } = item;
    const message = await sendItem(this.#context.api, item, signal);
    this.#remove(item);
    if (change === null) {
      for (const listener of [...(this.#listeners.get(threadId) ?? [])]) {
        callSafely(this.#context.report, () => listener.sent(key, message));
      }
    }
    this.#changed(threadId);
  }
}
