import type { Context } from "./context.js";
import type { NotificationsOptions } from "./notification-types.js";
import { callSafely } from "./store.js";

/** The user's choice on this device: whether to receive notifications. */
export interface Choice {
  readonly on: boolean;
  /**
   * The ID of this device's registration on the server; null if there is none. If `on` is false, the client must still
   * remove this registration.
   */
  readonly id: string | null;
}

/** Keeps the user's choice across reloads, and shares it with the user's other tabs. */
export class NotificationChoice {
  readonly #context: Context;
  readonly #options: NotificationsOptions | undefined;
  /** The choice if the storage cannot be written, for example because it is full. Otherwise undefined. */
  #unstored: Choice | null | undefined;

  /** Calls `changed` when another tab has changed the choice. */
  constructor(context: Context, options: NotificationsOptions | undefined, changed: () => void) {
    this.#context = context;
    this.#options = options;
    const { env, closing } = context;
    const stored = (event: Event) => {
      const { key } = event as StorageEvent;
      // The key is null if another tab has cleared the storage.
      if (options !== undefined && (key === options.key || key === null)) changed();
    };
    env.window?.addEventListener("storage", stored, { signal: closing.signal });
  }

  /** Returns the choice; null if notifications are off and no registration has to be removed from the server. */
  read(): Choice | null {
    if (this.#options === undefined || this.#unstored !== undefined) return this.#unstored ?? null;
    const { storage, key } = this.#options;
    let choice: Choice | null = null;
    callSafely(this.#context.report, () => {
      choice = parse(storage.getItem(key));
    });
    return choice;
  }

  write(choice: Choice | null): void {
    if (this.#options === undefined) return;
    const { storage, key } = this.#options;
    this.#unstored = choice;
    callSafely(this.#context.report, () => {
      if (choice === null) storage.removeItem(key);
      else storage.setItem(key, JSON.stringify(choice));
      this.#unstored = undefined;
    });
  }
}

function parse(text: string | null): Choice | null {
  if (text === null) return null;
  const { on, id } = (JSON.parse(text) ?? {}) as { on?: unknown; id?: unknown };
  return typeof on === "boolean" ? { on, id: typeof id === "string" ? id : null } : null;
}
