import type { ApiObserver } from "./api.js";
import { backoff, type Context, isTemporary, Pause, toHearthError } from "./context.js";
import type { HearthError } from "./errors.js";
import { INBOX } from "./frames.js";
import type { Transport } from "./http.js";
import type { LiveConnection, Push } from "./live-connection.js";
import type { SettingsChanges } from "./settings-changes.js";
import type { ThreadModel } from "./thread-model.js";
import type { Message, Thread, ThreadDetails, ThreadSettings } from "./types.js";

/** The state of loading the archived threads, or the others. */
export interface Listing {
  readonly archived: boolean;
  /** Whether the threads must be loaded, for the first time or again. */
  wanted: boolean;
  /** Whether the first page was loaded. */
  loaded: boolean;
  /** Whether all pages were loaded. */
  complete: boolean;
  error: HearthError | null;
}

interface Refresh {
  resolve(): void;
  reject(error: unknown): void;
}

/** Requests something from the server. Rejects with the error of the request; a temporary one is to be retried. */
type Task = (signal: AbortSignal) => Promise<void>;

/** Number of threads to request at once: the server's maximum. */
const PAGE_SIZE = 100;
/**
 * How many milliseconds the first load waits for the subscription to the inbox. What was loaded before the subscription
 * must be loaded again, so waiting for a moment saves requests.
 */
const FIRST_LOAD_WAIT = 1_000;

/**
 * Keeps the model of threads up to date while a thread list is open: subscribes to the inbox, loads all threads after
 * each subscription, and takes the events. Sends one request at a time, so that no response is older than one that was
 * already taken.
 */
export class Inbox implements ApiObserver {
  readonly model: ThreadModel;
  readonly listings = { archived: listing(true), others: listing(false) };
  readonly #context: Context;
  readonly #transport: Transport;
  readonly #live: LiveConnection;
  readonly #changes: SettingsChanges;
  readonly #listeners = new Set<() => void>();
  /** Whether each open list shows the archived threads. */
  readonly #open = new Map<object, boolean>();
  /** Those who wait for the end of a refresh. */
  readonly #refreshes = new Map<Listing, Refresh[]>();
  /** IDs of threads to fetch. `unknown` ones are fetched only if they are still unknown when it is their turn. */
  readonly #stale = new Map<string, "unknown" | "changed">();
  /** The last message of each author in each thread, while the caller's user ID is not known. */
  readonly #wrote = new Map<string, { threadId: string; userId: string; seq: number }>();
  readonly #pause = new Pause();
  #request = new AbortController();
  #running = false;
  #leave = () => {};
  #cancelFirstLoad = () => {};

  constructor(
    context: Context,
    transport: Transport,
    live: LiveConnection,
    model: ThreadModel,
    changes: SettingsChanges,
  ) {
    this.#context = context;
    this.#transport = transport;
    this.#live = live;
    this.model = model;
    this.#changes = changes;
    live.onPush((push) => this.#receive(push));
    changes.onEnd(() => this.#run());
  }

  /** Whether requests are being sent or retried. */
  get loading(): boolean {
    return this.#running;
  }

  /**
   * Opens a list of the archived threads, or of the others. Calls `changed` when `loading` or `listings` change.
   * Returns a function that closes the list.
   */
  open(archived: boolean, changed: () => void): () => void {
    const list = {};
    const first = this.#open.size === 0;
    this.#open.set(list, archived);
    this.#listeners.add(changed);
    if (first) this.#start();
    else if (archived && !this.listings.archived.loaded) this.#load([this.listings.archived]);
    return () => {
      this.#open.delete(list);
      this.#listeners.delete(changed);
      if (this.#open.size === 0) this.#stop();
    };
  }

  /** Loads all threads of a listing again. Rejects with the error of the first attempt that fails. */
  refresh(of: Listing): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#refreshes.set(of, [...(this.#refreshes.get(of) ?? []), { resolve, reject }]);
      this.#load([of]);
    });
  }

  /** Takes a thread that was created or found. */
  thread(thread: Thread, created: boolean): void {
    if (created) this.model.addCreated(thread);
    // An existing thread may be archived.
    else this.#fetchUnknown(thread.id);
  }

  /** Takes messages that were fetched or sent. */
  messages(messages: readonly Message[]): void {
    const { userId } = this.#transport;
    for (const message of messages) {
      const { threadId, seq, author } = message;
      this.model.message(message);
      if (userId === undefined) this.#wrote.set(`${threadId} ${author.id}`, { threadId, userId: author.id, seq });
      else if (author.id === userId) this.model.read(threadId, seq);
      this.#fetchUnknown(threadId);
    }
  }

  /** Requests the caller's user ID if the token does not tell it. Until then, own marks and messages look like others'. */
  async identify(signal: AbortSignal): Promise<void> {
    if (this.#transport.userId === undefined) await this.#context.api.me({ signal });
    for (const { threadId, userId, seq } of this.#wrote.values()) {
      if (userId === this.#transport.userId) this.model.read(threadId, seq);
    }
    this.#wrote.clear();
  }

  /** Takes a thread that a view has fetched. */
  details(thread: ThreadDetails): void {
    // While a list is open, its own requests decide about the settings, because their order is known.
    this.model.setDetails(thread, !this.active);
  }

  /** Whether any list is open. */
  get active(): boolean {
    return this.#open.size > 0;
  }

  #start(): void {
    if (this.#context.env.WebSocket === null) return this.#reload(true);
    this.#cancelFirstLoad = this.#context.env.schedule(() => this.#reload(true), FIRST_LOAD_WAIT);
    this.#leave = this.#live.followChannel(INBOX, {
      subscribed: (_, replacing) => this.#reload(!replacing),
      refused: (error) => {
        this.listings.others.error = error;
        this.#changed();
      },
      pushUnavailable: () => this.#reload(true),
    });
  }

  #stop(): void {
    this.#leave();
    this.#cancelFirstLoad();
    this.#request.abort();
    this.#pause.endNow();
    this.#stale.clear();
    for (const of of Object.values(this.listings)) {
      Object.assign(of, listing(of.archived));
      this.#endRefreshes(of, ({ reject }) => reject(new DOMException("The list was closed.", "AbortError")));
    }
  }

  #receive(push: Push): void {
    if (push.event === "message:new") {
      const { threadId: id, message, truncated } = push.data;
      if (truncated !== true) return this.messages([message]);
      this.model.update({ id, lastSeq: message.seq, updatedAt: message.createdAt, lastMessage: null });
      this.#fetch(id, "changed");
    } else if (push.event === "thread:new") {
      const { thread } = push.data;
      if ("memberIds" in thread) this.model.setOverview(thread);
      else this.#fetch(thread.id, "changed");
    } else if (push.event === "thread:updated") {
      const { thread, sent } = push.data;
      for (const { userId, seq } of sent) if (userId === this.#transport.userId) this.model.read(thread.id, seq);
      this.model.update(thread);
      this.#fetchUnknown(thread.id);
    } else if (push.event === "thread:settings") {
      this.#settingsSeen(push.data.threadId, push.data);
    } else if (push.event === "read:updated") {
      const { threadId, userId, seq } = push.data;
      if (userId === this.#transport.userId) this.model.read(threadId, seq);
    }
  }

  /**
   * Takes settings that may be older than those held: the events of two changes may arrive in the wrong order. If they
   * are not certain to be the current ones, fetches those.
   */
  #settingsSeen(threadId: string, { archived, mutedUntil }: ThreadSettings): void {
    const held = this.model.get(threadId);
    const same = held?.archived === archived && held.mutedUntil === mutedUntil;
    // A request that is under way may return, or have stored, settings from before this event.
    if (!same || this.#running || this.#changes.pending(threadId)) this.#fetch(threadId, "changed");
  }

  #fetchUnknown(threadId: string): void {
    if (this.model.get(threadId) === undefined && !this.#stale.has(threadId)) this.#fetch(threadId, "unknown");
  }

  #fetch(threadId: string, reason: "unknown" | "changed"): void {
    if (!this.active) return;
    this.#stale.set(threadId, reason);
    this.#run();
  }

  /**
   * Loads the threads of all open lists. Called after each subscription: only what changes later is pushed. If `behind`,
   * the lists are known to lack events until then.
   */
  #reload(behind: boolean): void {
    const { archived, others } = this.listings;
    if (behind) this.#live.setBehind(this, true);
    this.#load([...this.#open.values()].includes(true) ? [others, archived] : [others]);
  }

  #load(listings: Listing[]): void {
    this.#cancelFirstLoad();
    for (const of of listings) of.wanted = true;
    // A response to an earlier request may lack what happened before the subscription.
    this.#request.abort();
    this.#pause.endNow();
    this.#run();
  }

  /** Sends the requests of all tasks, one at a time, unless that is being done already. */
  #run(): void {
    if (this.#running || this.#nextTask() === null) return;
    this.#running = true;
    this.#changed();
    void this.#runTasks()
      .catch(this.#context.report)
      .finally(() => {
        this.#running = false;
        this.#live.setBehind(this, false);
        this.#changed();
        // More tasks may have been added since the last one has ended.
        this.#run();
      });
  }

  async #runTasks(): Promise<void> {
    let attempt = 0;
    for (let task = this.#nextTask(); task !== null; task = this.#nextTask()) {
      this.#request = new AbortController();
      const { signal } = this.#request;
      try {
        await task(signal);
        attempt = 0;
      } catch (error) {
        if (this.#context.closing.closed) return;
        if (signal.aborted || !isTemporary(error)) continue;
        this.#changed();
        await this.#pause.wait(this.#context.env, backoff(this.#context, attempt, error));
        attempt += 1;
      }
    }
  }

  #nextTask(): Task | null {
    if (!this.active || this.#context.closing.closed) return null;
    const { others, archived } = this.listings;
    for (const of of [others, archived]) if (of.wanted) return (signal) => this.#loadAll(of, signal);
    for (const [threadId, reason] of this.#stale) {
      if (!this.#changes.pending(threadId)) return (signal) => this.#fetchThread(threadId, reason, signal);
    }
    return null;
  }

  async #loadAll(of: Listing, signal: AbortSignal): Promise<void> {
    const { api } = this.#context;
    of.wanted = false;
    try {
      await this.identify(signal);
      const seen = new Set<string>();
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page = { limit: PAGE_SIZE, archived: of.archived, ...(cursor === undefined ? {} : { cursor }) };
        const { threads, nextCursor } = await api.threads(page, { signal });
        for (const thread of threads) {
          seen.add(thread.id);
          this.model.setSummary(thread);
        }
        cursor = nextCursor;
        Object.assign(of, { loaded: true, complete: of.complete || cursor === null, error: null });
        this.#changed();
      }
      // A thread that is missing has probably moved to the other listing while this client was not connected.
      for (const { id } of this.model.list(of.archived)) if (!seen.has(id)) this.#stale.set(id, "changed");
      this.#endRefreshes(of, ({ resolve }) => resolve());
    } catch (error) {
      if (signal.aborted || isTemporary(error)) of.wanted = true;
      if (!signal.aborted) {
        of.error = toHearthError(error);
        this.#endRefreshes(of, ({ reject }) => reject(error));
      }
      throw error;
    }
  }

  async #fetchThread(threadId: string, reason: "unknown" | "changed", signal: AbortSignal): Promise<void> {
    const { api } = this.#context;
    this.#stale.delete(threadId);
    if (reason === "unknown" && this.model.get(threadId) !== undefined) return;
    try {
      const thread = await api.thread(threadId, { signal });
      // Fetch the preview before the thread is shown. `messages` takes it.
      if (this.model.lacksPreview(threadId, thread.lastSeq)) await api.messages(threadId, { limit: 1 }, { signal });
      this.model.setDetails(thread, true);
    } catch (error) {
      if (signal.aborted || isTemporary(error)) this.#stale.set(threadId, reason);
      else if (!this.#context.closing.closed) this.#context.report(error);
      throw error;
    }
  }

  #endRefreshes(of: Listing, end: (refresh: Refresh) => void): void {
    const refreshes = this.#refreshes.get(of) ?? [];
    this.#refreshes.delete(of);
    for (const refresh of refreshes) end(refresh);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function listing(archived: boolean): Listing {
  return { archived, wanted: false, loaded: false, complete: false, error: null };
}
