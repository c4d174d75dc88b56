import { type Context, withRetries } from "./context.js";
import type { ThreadModel } from "./thread-model.js";
import type { ThreadSettings } from "./types.js";

type Change = Partial<ThreadSettings>;

/**
 * Stores the caller's changes of thread settings on the server, with retries. Sends the changes of one thread in order.
 * Puts each change into the model at once, so that snapshots contain it before it is stored.
 */
export class SettingsChanges {
  readonly #context: Context;
  readonly #model: ThreadModel;
  /** The changes that are not stored yet, in order, by thread ID. */
  readonly #changes = new Map<string, Change[]>();
  /** By thread ID: a promise that settles when the last change of the thread is stored or has failed. */
  readonly #last = new Map<string, Promise<void>>();
  #ended: (threadId: string, change: Change) => void = () => {};

  constructor(context: Context, model: ThreadModel) {
    this.#context = context;
    this.#model = model;
  }

  /** Calls `listener` when a change is stored or has failed. */
  onEnd(listener: (threadId: string, change: Change) => void): void {
    this.#ended = listener;
  }

  /** Returns whether a change of the thread's settings is not stored yet. */
  pending(threadId: string): boolean {
    return this.#changes.has(threadId);
  }

  /**
   * Puts the change into the model, and stores it on the server. Resolves when it is stored. After a permanent error,
   * removes the change from the model and rejects.
   */
  async add(threadId: string, change: Change): Promise<void> {
    const changes = this.#changes.get(threadId) ?? [];
    this.#changes.set(threadId, changes);
    changes.push(change);
    this.#show(threadId, changes);
    const earlier = this.#last.get(threadId) ?? Promise.resolve();
    const stored = earlier.catch(() => {}).then(() => this.#store(threadId, change));
    this.#last.set(threadId, stored);
    try {
      await stored;
    } finally {
      changes.shift();
      if (changes.length === 0) {
        this.#changes.delete(threadId);
        this.#last.delete(threadId);
      }
      this.#show(threadId, changes);
      this.#ended(threadId, change);
    }
  }

  async #store(threadId: string, change: Change): Promise<void> {
    const { api, closing } = this.#context;
    const { signal } = closing;
    const store = () => api.updateSettings(threadId, change, { signal });
    this.#model.setSettings(threadId, await withRetries(this.#context, signal, store));
  }

  #show(threadId: string, changes: readonly Change[]): void {
    this.#model.setUnstored(threadId, Object.assign({}, ...changes));
  }
}
