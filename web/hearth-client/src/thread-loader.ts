import { backoff, type Context, isTemporary, Pause, toHearthError } from "./context.js";
import type { HearthError } from "./errors.js";
import type { SettingsChanges } from "./settings-changes.js";
import type { ThreadModel } from "./thread-model.js";

/** The state of loading the archived threads, or the threads that are not archived. */
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

/**
 * Why a thread must be fetched. An `unknown` thread is fetched only if the model still lacks it when its turn comes. A
 * `changed` thread is fetched in any case.
 */
type Reason = "unknown" | "changed";

/** The promise of a call of `refresh`. */
interface Refresh {
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Sends the requests of a task. Rejects with the error of a failed request. If the error is temporary, the task has
 * made sure that `#nextTask` returns it again.
 */
type Task = (signal: AbortSignal) => Promise<void>;

export interface ThreadLoaderHandler {
  /** Called before the first request that needs the caller's user ID. */
  identify(signal: AbortSignal): Promise<void>;
  /** Called when `loading` or a listing has changed. */
  changed(): void;
  /** Called when all requests have been answered. */
  idle(): void;
}

/** Number of threads to request at once: the server's maximum. */
const PAGE_SIZE = 100;

/**
 * Loads lists of threads and single threads into the model, with retries. Sends one request at a time, so that no
 * response is older than one that was already taken.
 */
export class ThreadLoader {
  readonly listings = { archived: listing(true), others: listing(false) };
  readonly #context: Context;
  readonly #model: ThreadModel;
  readonly #changes: SettingsChanges;
  readonly #handler: ThreadLoaderHandler;
  /** The promises of the calls of `refresh` that have not ended. */
  readonly #refreshes = new Map<Listing, Refresh[]>();
  /** The threads to fetch, by ID. */
  readonly #stale = new Map<string, Reason>();
  readonly #pause = new Pause();
  #active = false;
  #request = new AbortController();
  #running = false;

  constructor(context: Context, model: ThreadModel, changes: SettingsChanges, handler: ThreadLoaderHandler) {
    this.#context = context;
    this.#model = model;
    this.#changes = changes;
    this.#handler = handler;
    changes.onEnd((threadId, { archived }) => {
      // After a connect, archived threads are loaded only while a list of them is open. So the model may lack events of
      // this thread from the time when it was archived.
      if (archived === false) this.fetch(threadId, "changed");
      this.#run();
    });
  }

  /** Whether requests are being sent or retried. */
  get loading(): boolean {
    return this.#running;
  }

  start(): void {
    this.#active = true;
  }

  /** Aborts the request under way, and marks both listings as not loaded. The threads stay in the model. */
  stop(): void {
    this.#active = false;
    this.#request.abort();
    this.#pause.endNow();
    this.#stale.clear();
    for (const of of Object.values(this.listings)) {
      Object.assign(of, listing(of.archived));
      this.#endRefreshes(of, ({ reject }) => reject(new DOMException("The list was closed.", "AbortError")));
    }
  }

  /** Loads all threads of the listings, also if they are loaded already. */
  load(...listings: Listing[]): void {
    for (const of of listings) of.wanted = true;
    // Abort the request under way and send it again: its response may lack changes that were made before this call.
    this.#request.abort();
    this.#pause.endNow();
    this.#run();
  }

  /** Loads a listing again. If the first attempt fails, rejects with its error; the loader still retries. */
  refresh(of: Listing): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#refreshes.set(of, [...(this.#refreshes.get(of) ?? []), { resolve, reject }]);
      this.load(of);
    });
  }

  /** Fetches a thread, unless the loader is stopped. */
  fetch(threadId: string, reason: Reason): void {
    if (!this.#active) return;
    if (reason === "changed" || !this.#stale.has(threadId)) this.#stale.set(threadId, reason);
    this.#run();
  }

  /** Sends the requests of all tasks, one at a time. Does nothing if requests are being sent already. */
  #run(): void {
    if (this.#running || this.#nextTask() === null) return;
    this.#running = true;
    this.#handler.changed();
    void this.#runTasks()
      .catch(this.#context.report)
      .finally(() => {
        this.#running = false;
        this.#handler.idle();
        this.#handler.changed();
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
        this.#handler.changed();
        await this.#pause.wait(this.#context.env, backoff(this.#context, attempt, error));
        attempt += 1;
      }
    }
  }

  #nextTask(): Task | null {
    if (!this.#active || this.#context.closing.closed) return null;
    const { others, archived } = this.listings;
    for (const of of [others, archived]) if (of.wanted) return (signal) => this.#loadAll(of, signal);
    for (const [threadId, reason] of this.#stale) {
      // While a change of the thread's settings is not stored, a response would contain the old settings. So wait.
      if (!this.#changes.pending(threadId)) return (signal) => this.#fetchThread(threadId, reason, signal);
    }
    return null;
  }

  async #loadAll(of: Listing, signal: AbortSignal): Promise<void> {
    of.wanted = false;
    try {
      await this.#handler.identify(signal);
      const seen = new Set<string>();
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page = { limit: PAGE_SIZE, archived: of.archived, ...(cursor === undefined ? {} : { cursor }) };
        const { threads, nextCursor } = await this.#context.api.threads(page, { signal });
        for (const thread of threads) {
          seen.add(thread.id);
          this.#model.setSummary(thread);
        }
        cursor = nextCursor;
        Object.assign(of, { loaded: true, complete: of.complete || cursor === null, error: null });
        this.#handler.changed();
      }
      // A thread that the client holds but the server did not list was probably archived or unarchived while this
      // client was not connected. Fetch it again.
      for (const { id } of this.#model.list(of.archived)) if (!seen.has(id)) this.#stale.set(id, "changed");
      this.#endRefreshes(of, ({ resolve }) => resolve());
    } catch (error) {
      if (signal.aborted || isTemporary(error)) of.wanted = this.#active;
      if (!signal.aborted) {
        of.error = toHearthError(error);
        this.#endRefreshes(of, ({ reject }) => reject(error));
      }
      throw error;
    }
  }

  async #fetchThread(threadId: string, reason: Reason, signal: AbortSignal): Promise<void> {
    const { api } = this.#context;
    this.#stale.delete(threadId);
    if (reason === "unknown" && this.#model.get(threadId) !== undefined) return;
    try {
      const thread = await api.thread(threadId, { signal });
      // Fetch the last message for the preview before the thread is shown: `api.messages` also puts it into the model.
      // A preview that the model has already may be old, because not all lists are loaded after each connect.
      const maybeOld = reason === "changed" && thread.lastSeq > 0;
      if (maybeOld || this.#model.lacksPreview(threadId, thread.lastSeq))
        await api.messages(threadId, { limit: 1 }, { signal });
      this.#model.setDetails(thread, true);
    } catch (error) {
      if (signal.aborted || isTemporary(error)) this.fetch(threadId, reason);
      else if (!this.#context.closing.closed) this.#context.report(error);
      throw error;
    }
  }

  #endRefreshes(of: Listing, end: (refresh: Refresh) => void): void {
    const refreshes = this.#refreshes.get(of) ?? [];
    this.#refreshes.delete(of);
    for (const refresh of refreshes) end(refresh);
  }
}

function listing(archived: boolean): Listing {
  return { archived, wanted: false, loaded: false, complete: false, error: null };
}
