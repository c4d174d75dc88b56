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
 * How many milliseconds the first load of the threads waits for the subscription to the inbox. Threads that were loaded
 * before the subscription must be loaded again after it, so a short wait saves requests.
 */
const FIRST_LOAD_WAIT = 1_000;

/**
 * Updates the model of the caller's threads with all events, messages and threads that the client receives. While a
 * list of threads is open, subscribes to the inbox, loads the list after each subscription, and fetches a thread if an
 * event does not contain all that the list shows of it.
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
  /** The open lists. The value is true for a list of the archived threads. */
  readonly #open = new Map<object, boolean>();
  /**
   * The highest `seq` of each author in each thread, collected until the caller's user ID is known. Then the caller's
   * read marks move to the caller's own messages, and the rest is dropped.
   */
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
   * Opens a list of the archived threads, or of the threads that are not archived. Calls `changed` when loading starts,
   * makes progress or ends. Returns a function that closes the list.
   */
  open(archived: boolean, changed: () => void): () => void {
    const list = {};
    const first = !this.active;
    const firstArchived = archived && !this.#archivedOpen;
    this.#open.set(list, archived);
    this.#listeners.add(changed);
    if (first) this.#start();
    // Other lists are open, but none of archived threads. So the archived threads were not loaded with those lists.
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

  /** Adds a thread that `createThread` has returned. */
  thread(thread: Thread, created: boolean): void {
    if (created) this.model.addCreated(thread);
    // An existing thread may be archived for the caller, which the response does not tell. So fetch it.
    else this.#fetchUnknown(thread.id);
  }

  /**
   * Calls `listener` with all messages that the client receives, except truncated ones. Returns a function that removes
   * the listener.
   */
  onMessages(listener: (messages: readonly Message[]) => void): () => void {
    this.#messageListeners.add(listener);
    return () => this.#messageListeners.delete(listener);
  }

  /** Updates the model with messages that were fetched, sent, changed or pushed, and passes them to the listeners. */
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

  /** Updates the model with a thread that a view has fetched. */
  details(thread: ThreadDetails): void {
    // While a list is open, keep the settings that the loader has fetched. It sends one request at a time, so its last
    // response is the newest; the view's response may be older.
    this.model.setDetails(thread, !this.active);
  }

  /**
   * Requests the caller's user ID if the token does not contain it. Until the ID is known, the caller's own read marks
   * and messages cannot be told from those of other members.
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
   * Loads the threads of all open lists. Called after each subscription, because only later changes are pushed.
   * `behind` is true if events may have been missed: the connection's status is then `catching-up` until the threads
   * are loaded.
   */
  #load(behind: boolean): void {
    this.#cancelFirstLoad();
    if (behind) this.#live.setBehind(this, true);
    const { others, archived } = this.loader.listings;
    // Always load the threads that are not archived: the number of unread messages in every snapshot counts theirs.
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
      // Ignore a truncated message here: open views fetch it. If it is the thread's last message, the list gets its
      // preview by a `thread:updated` event.
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
   * Handles the settings in an event. They are not put into the model, because the events of two changes may arrive in
   * the wrong order. If they differ from the settings in the model, the thread is fetched. It is also fetched while a
   * response or a change of the caller is expected that may replace the settings in the model by older ones.
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
