import { type Context, hearthError, retrying } from "./context.js";
import type { HearthError } from "./errors.js";
import type { Live } from "./live.js";
import { LazyStore } from "./store.js";
import type { Message, Thread, ThreadList, ThreadListSnapshot, ThreadSummary } from "./types.js";

/** Threads whose channels are subscribed to, the first ones that were listed; the others are asked for with the list. */
const FOLLOWED = 200;

/** The caller's threads, kept up to date until it is closed. */
export class LiveThreadList implements ThreadList {
  readonly subscribe: ThreadList["subscribe"];
  readonly getSnapshot: ThreadList["getSnapshot"];
  readonly #context: Context;
  readonly #live: Live;
  readonly #store: LazyStore<ThreadListSnapshot>;
  readonly #closing = new AbortController();
  readonly #threads = new Map<string, ThreadSummary>();
  readonly #channels = new Map<string, () => void>();
  /** Threads whose newest message has to be fetched: one after the other, there may be many after an outage. */
  readonly #stale = new Set<string>();
  #fetching = false;
  #loaded = false;
  #cursor: string | null = null;
  #first: Promise<void> | null = null;
  /** The refresh that is under way may not know of a thread that was added since it began. */
  #outdated = false;
  #more: Promise<void> | null = null;
  #error: HearthError | null = null;
  #cancelRefresh = () => {};

  constructor(context: Context, live: Live) {
    this.#context = context;
    this.#live = live;
    this.#store = new LazyStore(() => this.#snapshot(), context.report);
    this.subscribe = this.#store.subscribe;
    this.getSnapshot = this.#store.getSnapshot;
    const { signal } = this.#closing;
    const stop = live.onBack(() => this.#refreshQuietly());
    signal.addEventListener("abort", stop);
    const { document, window } = context.env;
    const visible = () => {
      if (document?.visibilityState !== "hidden") this.#refreshQuietly();
    };
    document?.addEventListener("visibilitychange", visible, { signal });
    window?.addEventListener("online", visible, { signal });
    this.#begin();
  }

  refresh(): Promise<void> {
    this.#first ??= this.#loadFirst().finally(() => {
      this.#first = null;
      this.#store.changed();
      if (this.#outdated) this.#refreshQuietly();
      this.#outdated = false;
    });
    this.#store.changed();
    return this.#first;
  }

  loadMore(): Promise<void> {
    if (this.#cursor === null) return Promise.resolve();
    this.#more ??= this.#loadMore(this.#cursor).finally(() => {
      this.#more = null;
      this.#store.changed();
    });
    this.#store.changed();
    return this.#more;
  }

  /** Shows a thread that was just created, or found. */
  add(thread: Thread): void {
    if (!this.#threads.has(thread.id)) {
      this.#merge({ ...thread, memberNames: thread.memberIds, lastMessage: null });
    }
    // Its members' names come with the list.
    if (this.#first !== null) this.#outdated = true;
    else this.#refreshQuietly();
  }

  close(): void {
    this.#closing.abort();
    this.#cancelRefresh();
    for (const leave of this.#channels.values()) leave();
    this.#channels.clear();
  }

  #begin(): void {
    const { signal } = this.#closing;
    retrying(this.#context, signal, () => this.refresh())
      .then(() => this.#scheduleRefresh())
      // Told in the snapshot already.
      .catch(() => {});
  }

  #scheduleRefresh(): void {
    const { env, timing } = this.#context;
    if (this.#closing.signal.aborted) return;
    this.#cancelRefresh();
    this.#cancelRefresh = env.schedule(() => {
      const away = env.document?.visibilityState === "hidden" || env.window?.navigator?.onLine === false;
      if (away) this.#scheduleRefresh();
      else this.#refreshQuietly();
    }, timing.listRefresh);
  }

  /** Refreshes what was loaded before. What goes wrong is in the snapshot, and the next time is not far. */
  #refreshQuietly(): void {
    if (!this.#loaded || this.#closing.signal.aborted) return;
    this.refresh()
      .catch(() => {})
      .finally(() => this.#scheduleRefresh());
  }

  async #loadFirst(): Promise<void> {
    const { signal } = this.#closing;
    try {
      const { threads, nextCursor } = await this.#context.api.threads({}, { signal });
      // A later page's cursor goes further than the first one's.
      if (!this.#loaded) this.#cursor = nextCursor;
      this.#loaded = true;
      this.#error = null;
      for (const thread of threads) this.#merge(thread);
    } catch (error) {
      if (!signal.aborted) this.#error = hearthError(error);
      throw error;
    }
  }

  async #loadMore(cursor: string): Promise<void> {
    const { signal } = this.#closing;
    const { threads, nextCursor } = await this.#context.api.threads({ cursor }, { signal });
    this.#cursor = nextCursor;
    for (const thread of threads) this.#merge(thread);
  }

  /** Takes a row of the server's list. Its `lastMessage` follows a send within moments: a push may be ahead of it. */
  #merge(thread: ThreadSummary): void {
    const known = this.#threads.get(thread.id);
    const ahead = (known?.lastMessage?.seq ?? 0) > (thread.lastMessage?.seq ?? 0);
    const merged = known && ahead ? { ...thread, lastMessage: known.lastMessage, updatedAt: known.updatedAt } : thread;
    this.#threads.set(thread.id, merged);
    this.#follow(thread.id);
    this.#store.changed();
  }

  #follow(threadId: string): void {
    if (this.#channels.has(threadId) || this.#channels.size >= FOLLOWED || this.#closing.signal.aborted) return;
    if (this.#context.env.WebSocket === null) return;
    const leave = this.#live.join(threadId, {
      message: (message, truncated) => {
        if (message.seq <= this.#newest(threadId)) return;
        if (truncated) this.#fetchNewest(threadId);
        else this.#said(message);
      },
      subscribed: (seq) => {
        if (seq > this.#newest(threadId)) this.#fetchNewest(threadId);
      },
      // The list is asked for now and then in any case.
      unheard: () => {},
      refused: () => {
        leave();
        // Not forgotten: the list would only try once more.
        this.#channels.set(threadId, () => {});
      },
    });
    this.#channels.set(threadId, leave);
  }

  #newest(threadId: string): number {
    return this.#threads.get(threadId)?.lastMessage?.seq ?? 0;
  }

  #said(message: Message): void {
    const thread = this.#threads.get(message.threadId);
    if (thread === undefined || message.seq <= this.#newest(message.threadId)) return;
    this.#threads.set(thread.id, { ...thread, lastMessage: message, updatedAt: message.createdAt });
    this.#store.changed();
  }

  #fetchNewest(threadId: string): void {
    this.#stale.add(threadId);
    if (this.#fetching) return;
    this.#fetching = true;
    const { signal } = this.#closing;
    void this.#fetchStale(signal).finally(() => {
      this.#fetching = false;
    });
  }

  async #fetchStale(signal: AbortSignal): Promise<void> {
    for (const threadId of this.#stale) {
      this.#stale.delete(threadId);
      const newest = () => this.#context.api.messages(threadId, { limit: 1 }, { signal });
      try {
        const { messages } = await retrying(this.#context, signal, newest);
        for (const message of messages) this.#said(message);
      } catch (error) {
        if (signal.aborted) return;
        // Of this thread alone: the others are still to be asked for.
        this.#context.report(error);
      }
    }
  }

  #snapshot(): ThreadListSnapshot {
    const active = ({ updatedAt }: ThreadSummary) => updatedAt;
    const threads = [...this.#threads.values()].sort((a, b) => {
      return active(a) === active(b) ? (a.id < b.id ? 1 : -1) : active(a) < active(b) ? 1 : -1;
    });
    return {
      threads,
      loaded: this.#loaded,
      loading: this.#first !== null || this.#more !== null,
      hasMore: this.#cursor !== null,
      error: this.#error,
    };
  }
}
