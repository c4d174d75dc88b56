import { type Context, toHearthError, withRetries } from "./context.js";
import type { HearthError } from "./errors.js";
import type { LiveConnection } from "./live-connection.js";
import { LazyStore } from "./store.js";
import type { Message, Thread, ThreadList, ThreadListSnapshot, ThreadSummary } from "./types.js";

/**
 * Maximum number of threads whose new messages arrive by push: the first 200 that were loaded. The others change only
 * when the list is refreshed.
 */
const MAX_FOLLOWED = 200;

/** The implementation of {@link ThreadList}. */
export class LiveThreadList implements ThreadList {
  readonly subscribe: ThreadList["subscribe"];
  readonly getSnapshot: ThreadList["getSnapshot"];
  readonly #context: Context;
  readonly #live: LiveConnection;
  readonly #store: LazyStore<ThreadListSnapshot>;
  readonly #closing = new AbortController();
  readonly #threads = new Map<string, ThreadSummary>();
  /** The functions that end the list's subscriptions to threads, by thread ID. */
  readonly #followed = new Map<string, () => void>();
  /**
   * IDs of threads whose newest message must be fetched. They are fetched one at a time, because after an outage there
   * may be many.
   */
  readonly #stale = new Set<string>();
  #fetching = false;
  #loaded = false;
  #cursor: string | null = null;
  #refreshing: Promise<void> | null = null;
  /** Whether to refresh again after the current refresh, which may lack a thread that was created after it began. */
  #refreshAgain = false;
  #loadingMore: Promise<void> | null = null;
  #error: HearthError | null = null;
  #cancelRefresh = () => {};

  constructor(context: Context, live: LiveConnection) {
    this.#context = context;
    this.#live = live;
    this.#store = new LazyStore(() => this.#snapshot(), context.report);
    this.subscribe = this.#store.subscribe;
    this.getSnapshot = this.#store.getSnapshot;
    const { signal } = this.#closing;
    const stop = live.onResubscribed(() => this.#refreshQuietly());
    signal.addEventListener("abort", stop);
    const { document, window } = context.env;
    const visible = () => {
      if (document?.visibilityState !== "hidden") this.#refreshQuietly();
    };
    document?.addEventListener("visibilitychange", visible, { signal });
    window?.addEventListener("online", visible, { signal });
    this.#start();
  }

  refresh(): Promise<void> {
    this.#refreshing ??= this.#loadFirst().finally(() => {
      this.#refreshing = null;
      this.#store.changed();
      if (this.#refreshAgain) this.#refreshQuietly();
      this.#refreshAgain = false;
    });
    this.#store.changed();
    return this.#refreshing;
  }

  loadMore(): Promise<void> {
    if (this.#cursor === null) return Promise.resolve();
    this.#loadingMore ??= this.#loadMore(this.#cursor).finally(() => {
      this.#loadingMore = null;
      this.#store.changed();
    });
    this.#store.changed();
    return this.#loadingMore;
  }

  /** Adds a thread that `createThread` has just returned. */
  add(thread: Thread): void {
    if (!this.#threads.has(thread.id)) {
      this.#merge({ ...thread, memberNames: thread.memberIds, lastMessage: null });
    }
    // Refresh the list, because the new thread shows its members' IDs instead of their names until then.
    if (this.#refreshing !== null) this.#refreshAgain = true;
    else this.#refreshQuietly();
  }

  close(): void {
    this.#closing.abort();
    this.#cancelRefresh();
    for (const leave of this.#followed.values()) leave();
    this.#followed.clear();
  }

  #start(): void {
    const { signal } = this.#closing;
    withRetries(this.#context, signal, () => this.refresh())
      .then(() => this.#scheduleRefresh())
      // Ignore the error here, because the snapshot contains it.
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

  /**
   * Refreshes the list if it was loaded before. An error only appears in the snapshot, because the next refresh is
   * scheduled in any case.
   */
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
      // On a refresh, keep the cursor of the last loaded page, so that `loadMore` continues there.
      if (!this.#loaded) this.#cursor = nextCursor;
      this.#loaded = true;
      this.#error = null;
      for (const thread of threads) this.#merge(thread);
    } catch (error) {
      if (!signal.aborted) this.#error = toHearthError(error);
      throw error;
    }
  }

  async #loadMore(cursor: string): Promise<void> {
    const { signal } = this.#closing;
    const { threads, nextCursor } = await this.#context.api.threads({ cursor }, { signal });
    this.#cursor = nextCursor;
    for (const thread of threads) this.#merge(thread);
  }

  /**
   * Adds or replaces a thread from the server's list. Keeps a pushed `lastMessage` if the one from the server's list is
   * older: the server updates its list a moment after a message is sent.
   */
  #merge(thread: ThreadSummary): void {
    const known = this.#threads.get(thread.id);
    const ahead = (known?.lastMessage?.seq ?? 0) > (thread.lastMessage?.seq ?? 0);
    const merged = known && ahead ? { ...thread, lastMessage: known.lastMessage, updatedAt: known.updatedAt } : thread;
    this.#threads.set(thread.id, merged);
    this.#followThread(thread.id);
    this.#store.changed();
  }

  #followThread(threadId: string): void {
    if (this.#followed.has(threadId) || this.#followed.size >= MAX_FOLLOWED || this.#closing.signal.aborted) return;
    if (this.#context.env.WebSocket === null) return;
    const leave = this.#live.followChannel(threadId, {
      message: (message, truncated) => {
        if (message.seq <= this.#newest(threadId)) return;
        if (truncated) this.#fetchNewest(threadId);
        else this.#applyMessage(message);
      },
      subscribed: (seq) => {
        if (seq > this.#newest(threadId)) this.#fetchNewest(threadId);
      },
      // Do nothing without pushes, because the list is refreshed regularly anyway.
      pushUnavailable: () => {},
      refused: () => {
        leave();
        // Keep an entry, so that the next refresh does not subscribe to the thread again.
        this.#followed.set(threadId, () => {});
      },
    });
    this.#followed.set(threadId, leave);
  }

  #newest(threadId: string): number {
    return this.#threads.get(threadId)?.lastMessage?.seq ?? 0;
  }

  #applyMessage(message: Message): void {
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
        const { messages } = await withRetries(this.#context, signal, newest);
        for (const message of messages) this.#applyMessage(message);
      } catch (error) {
        if (signal.aborted) return;
        // Report the error, and continue with the other threads.
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
      loading: this.#refreshing !== null || this.#loadingMore !== null,
      hasMore: this.#cursor !== null,
      error: this.#error,
    };
  }
}
