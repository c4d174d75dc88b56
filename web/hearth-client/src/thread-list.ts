import type { Context } from "./context.js";
import type { Inbox } from "./inbox.js";
import { LazyStore } from "./store.js";
import type { Listing } from "./thread-loader.js";
import type { ThreadList, ThreadListSnapshot } from "./types.js";

/** Number of threads that `threads` has at first, and that `loadMore` adds. */
const PAGE_SIZE = 100;
/**
 * The longest wait, in milliseconds, until the list checks again whether a mute has ended. A mute may last longer than
 * the 24 days for which a timer can wait.
 */
const LONGEST_WAIT = 24 * 60 * 60_000;

/** The implementation of {@link ThreadList}. */
export class LiveThreadList implements ThreadList {
  readonly subscribe: ThreadList["subscribe"];
  readonly getSnapshot: ThreadList["getSnapshot"];
  readonly #context: Context;
  readonly #inbox: Inbox;
  readonly #listing: Listing;
  readonly #store: LazyStore<ThreadListSnapshot>;
  readonly #leave: () => void;
  #shown = PAGE_SIZE;
  #cancelUnmute = () => {};
  #closed = false;

  constructor(context: Context, inbox: Inbox, archived: boolean) {
    this.#context = context;
    this.#inbox = inbox;
    const { listings } = inbox.loader;
    this.#listing = archived ? listings.archived : listings.others;
    this.#store = new LazyStore(() => this.#snapshot(), context.report);
    this.subscribe = this.#store.subscribe;
    this.getSnapshot = this.#store.getSnapshot;
    const changed = () => this.#store.changed();
    const stopModel = inbox.model.onChange(changed);
    const close = inbox.open(archived, changed);
    this.#leave = () => {
      stopModel();
      close();
    };
  }

  loadMore(): void {
    if (!this.#store.getSnapshot().hasMore) return;
    this.#shown += PAGE_SIZE;
    this.#store.changed();
  }

  async refresh(): Promise<void> {
    if (this.#closed) throw new DOMException("The list was closed.", "AbortError");
    return this.#inbox.loader.refresh(this.#listing);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#leave();
    this.#cancelUnmute();
  }

  #snapshot(): ThreadListSnapshot {
    const { model, loader } = this.#inbox;
    const { archived, loaded, complete, error } = this.#listing;
    const now = this.#context.env.now();
    const all = model.list(archived);
    // When the next mute ends, make a new snapshot: `unread` then counts the messages of the unmuted thread.
    this.#cancelUnmute();
    const wait = model.nextUnmute(now) - now;
    if (wait < Number.POSITIVE_INFINITY && !this.#closed) {
      const changed = () => this.#store.changed();
      this.#cancelUnmute = this.#context.env.schedule(changed, Math.min(wait, LONGEST_WAIT));
    }
    return {
      threads: all.slice(0, this.#shown),
      unread: model.unread(now),
      loaded,
      loading: loader.loading,
      hasMore: !complete || all.length > this.#shown,
      error,
    };
  }
}
