import type { ApiObserver } from "./api.js";
import type { Context } from "./context.js";
import { INBOX } from "./frames.js";
import type { Transport } from "./http.js";
import type { LiveConnection, Push } from "./live-connection.js";
import type { SettingsChanges } from "./settings-changes.js";
import { callSafely } from "./store.js";
import { ThreadLoader } from "./thread-loader.js";
import type { ThreadModel } from "./thread-model.js";
import type { Message, Thread, ThreadDetails, ThreadSettings } from "./types.js";

/**
 * How many milliseconds the first load waits for the subscription to the inbox. What was loaded before the subscription
 * must be loaded again, so waiting for a moment saves requests.
 */
const FIRST_LOAD_WAIT = 1_000;

/**
 * Keeps the model of threads up to date: takes all events, messages and threads that the client receives. While a list
 * is open, it subscribes to the inbox, loads the list after each subscription, and fetches what events do not tell.
 */
export class Inbox implements ApiObserver {
  readonly model: ThreadModel;
  readonly loader: ThreadLoader;
  readonly #context: Context;
  readonly #transport: Transport;
  readonly #live: LiveConnection;
  readonly #changes: SettingsChanges;
  readonly #listeners = new Set<() => void>();
  readonly #messageListeners = new Set<(messages: readonly Message[]) => void>();
  /** Whether each open list shows the archived threads. */
  readonly #open = new Map<object, boolean>();
  /** The last message of each author in each thread, while the caller's user ID is not known. */
  readonly #wrote = new Map<string, { threadId: string; userId: string; seq: number }>();
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
    this.#changes = changes;
    this.model = model;
    this.loader = new ThreadLoader(context, model, changes, {
      identify: (signal) => this.identify(signal),
      changed: () => {
        for (const listener of [...this.#listeners]) listener();
      },
      idle: () => live.setBehind(this, false),
    });
    live.onPush((push) => this.#receive(push));
  }

  /** Whether any list is open. */
  get active(): boolean {
    return this.#open.size > 0;
  }

  /**
   * Opens a list of the archived threads, or of the others. Calls `changed` when the loader's state changes. Returns a
   * function that closes the list.
   */
  open(archived: boolean, changed: () => void): () => void {
    const list = {};
    const first = !this.active;
    const firstArchived = archived && !this.#archivedOpen;
    this.#open.set(list, archived);
    this.#listeners.add(changed);
    if (first) this.#start();
    // The archived threads are loaded after a connect only while a list of them is open.
    else if (firstArchived) this.loader.load(this.loader.listings.archived);
    return () => {
      this.#open.delete(list);
      this.#listeners.delete(changed);
      if (this.active) return;
      this.#leave();
      this.#cancelFirstLoad();
      this.loader.stop();
    };
  }

  /** Takes a thread that was created or found. */
  thread(thread: Thread, created: boolean): void {
    if (created) this.model.addCreated(thread);
    // An existing thread may be archived.
    else this.#fetchUnknown(thread.id);
  }

  /** Calls `listener` with all whole messages that the client receives. Returns a function that removes it. */
  onMessages(listener: (messages: readonly Message[]) => void): () => void {
    this.#messageListeners.add(listener);
    return () => this.#messageListeners.delete(listener);
  }

  /** Takes messages that were fetched, sent, changed or pushed. */
  messages(messages: readonly Message[]): void {
    const { userId } = this.#transport;
    for (const listener of [...this.#messageListeners]) callSafely(this.#context.report, () => listener(messages));
    for (const message of messages) {
      const { threadId, seq, author } = message;
      this.model.message(message);
      if (userId === undefined) {
        const key = `${threadId} ${author.id}`;
        const last = Math.max(seq, this.#wrote.get(key)?.seq ?? 0);
        this.#wrote.set(key, { threadId, userId: author.id, seq: last });
      } else if (author.id === userId) this.model.read(threadId, seq);
      this.#fetchUnknown(threadId);
    }
  }

  /** Takes a thread that a view has fetched. */
  details(thread: ThreadDetails): void {
    // While a list is open, the loader decides about the settings, because the order of its requests is known.
    this.model.setDetails(thread, !this.active);
  }

  /**
   * Requests the caller's user ID if the token does not tell it. Until then, own marks and messages look like others'.
   */
  async identify(signal: AbortSignal): Promise<void> {
    if (this.#transport.userId === undefined) await this.#context.api.me({ signal });
    for (const { threadId, userId, seq } of this.#wrote.values()) {
      if (userId === this.#transport.userId) this.model.read(threadId, seq);
    }
    this.#wrote.clear();
  }

  get #archivedOpen(): boolean {
    return [...this.#open.values()].includes(true);
  }

  #start(): void {
    this.loader.start();
    if (this.#context.env.WebSocket === null) return this.#load(true);
    this.#cancelFirstLoad = this.#context.env.schedule(() => this.#load(true), FIRST_LOAD_WAIT);
    this.#leave = this.#live.followChannel(INBOX, {
      subscribed: (_, replacing) => this.#load(!replacing),
      refused: (error) => this.#context.report(error),
      pushUnavailable: () => this.#load(true),
    });
  }

  /**
   * Loads the threads of all open lists. Called after each subscription: only what changes later is pushed. If
   * `behind`, the lists are known to lack events until then.
   */
  #load(behind: boolean): void {
    this.#cancelFirstLoad();
    if (behind) this.#live.setBehind(this, true);
    const { others, archived } = this.loader.listings;
    // The others are always loaded: the number of unread messages in a snapshot is theirs.
    this.loader.load(others, ...(this.#archivedOpen ? [archived] : []));
  }

  #receive(push: Push): void {
    if (push.event === "message:new") {
      const { threadId: id, message, truncated } = push.data;
      if (truncated !== true) return this.messages([message]);
      if (message.author.id === this.#transport.userId) this.model.read(id, message.seq);
      this.model.update({ id, lastSeq: message.seq, updatedAt: message.createdAt, lastMessage: null });
      this.loader.fetch(id, "changed");
    } else if (push.event === "message:changed") {
      // Views fetch a truncated message. If it is the thread's last one, a `thread:updated` with its preview follows.
      if (push.data.truncated !== true) this.messages([push.data.message]);
    } else if (push.event === "thread:new") {
      const { thread } = push.data;
      if ("memberIds" in thread) this.model.setOverview(thread);
      else this.loader.fetch(thread.id, "changed");
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
   * Takes settings that may be older than those held: the events of two changes may arrive in the wrong order. Unless
   * they are the same, or if the ones held may soon be replaced by older ones, the current ones are fetched.
   */
  #settingsSeen(threadId: string, { archived, mutedUntil }: ThreadSettings): void {
    const held = this.model.get(threadId);
    const same = held?.archived === archived && held.mutedUntil === mutedUntil;
    if (!same || this.loader.loading || this.#changes.pending(threadId)) this.loader.fetch(threadId, "changed");
  }

  #fetchUnknown(threadId: string): void {
    if (this.model.get(threadId) === undefined) this.loader.fetch(threadId, "unknown");
  }
}
