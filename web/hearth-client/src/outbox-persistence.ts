import type { Context } from "./context.js";
import { HearthError, type HearthErrorFields } from "./errors.js";
import type { OutboxItem } from "./outbox-item.js";
import { callSafely } from "./store.js";
import type { OutboxStorage } from "./types.js";

/**
 * Keeps the outbox across page reloads. Each outbox item is a storage item of its own, so that two tabs do not overwrite
 * each other's items. Two tabs may send the same message; its idempotency key prevents a duplicate.
 */
export class OutboxPersistence {
  readonly #context: Context;
  readonly #storage: OutboxStorage | null;
  readonly #prefix: string;
  /** The keys of the outbox items that this tab has stored or loaded. */
  readonly #stored = new Set<string>();

  constructor(context: Context, options?: { storage: OutboxStorage; key: string }) {
    this.#context = context;
    this.#storage = options?.storage ?? null;
    this.#prefix = `${options?.key ?? ""}:`;
  }

  load(): OutboxItem[] {
    const storage = this.#storage;
    if (storage === null) return [];
    const items: OutboxItem[] = [];
    for (const key of this.keys()) {
      callSafely(this.#context.report, () => items.push(this.#read(storage, this.#prefix + key)));
    }
    return items;
  }

  /** Returns an outbox item as it is stored now; null if it was removed, or cannot be read. */
  reload(key: string): OutboxItem | null {
    const storage = this.#storage;
    let item: OutboxItem | null = null;
    callSafely(this.#context.report, () => {
      if (storage !== null && storage.getItem(this.#prefix + key) !== null)
        item = this.#read(storage, this.#prefix + key);
    });
    return item;
  }

  /** Returns the keys of all stored outbox items, including those of other tabs and those that cannot be read. */
  keys(): string[] {
    const storage = this.#storage;
    const names: string[] = [];
    callSafely(this.#context.report, () => {
      for (let index = 0; index < (storage?.length ?? 0); index += 1) names.push(storage?.key(index) ?? "");
    });
    return names.filter((name) => name.startsWith(this.#prefix)).map((name) => name.slice(this.#prefix.length));
  }

  /** Whether another tab has removed an outbox item that this tab has stored or loaded. */
  isGone(key: string): boolean {
    let gone = false;
    callSafely(this.#context.report, () => {
      gone = this.#stored.has(key) && this.#storage?.getItem(this.#prefix + key) === null;
    });
    return gone;
  }

  put(item: OutboxItem): void {
    const { key, threadId, change, body, replyTo, createdAt, order, triedAt, failed } = item;
    // Do not store preview URLs. They are usually object URLs, which are not valid after a reload.
    const files = item.files.map(({ previewUrl: _, ...file }) => file);
    const error = failed && item.error !== null ? errorFields(item.error) : null;
    // Store a change without `body` and `files`. An earlier version of this library, which does not know changes,
    // ignores such an item; with these fields, it would send the change as a message.
    const content = change === null ? { body, files, replyTo } : { change };
    const text = JSON.stringify({ threadId, ...content, createdAt, order, triedAt, failed, error });
    callSafely(this.#context.report, () => {
      this.#storage?.setItem(this.#prefix + key, text);
      if (this.#storage !== null) this.#stored.add(key);
    });
  }

  remove(key: string): void {
    this.#stored.delete(key);
    callSafely(this.#context.report, () => this.#storage?.removeItem(this.#prefix + key));
  }

  #read(storage: OutboxStorage, name: string): OutboxItem {
    const json: unknown = JSON.parse(storage.getItem(name) ?? "null");
    const { threadId, createdAt, order, triedAt, change = null, ...state } = (json ?? {}) as Partial<OutboxItem>;
    const { body, files, replyTo = null } = change === null ? state : { body: "", files: [] };
    if (
      typeof threadId !== "string" ||
      typeof body !== "string" ||
      !Array.isArray(files) ||
      (change !== null && !(["edit", "remove", "react"].includes(change.kind) && change.seq > 0)) ||
      typeof createdAt !== "string" ||
      typeof order !== "number"
    ) {
      throw new TypeError(`The storage item "${name}" is not a valid outbox item. It stays in the storage unsent.`);
    }
    const tried = typeof triedAt === "number" ? triedAt : null;
    const key = name.slice(this.#prefix.length);
    const failed = state.failed === true;
    const error = failed ? parseError(state.error) : null;
    this.#stored.add(key);
    return { key, threadId, change, body, files, replyTo, createdAt, order, triedAt: tried, failed, error };
  }
}

/** Returns those fields of an error that the outbox stores. Omits `cause`, which may not be serializable. */
function errorFields({ kind, code, detail, status, requestId }: HearthError): HearthErrorFields {
  return { kind, code, detail, status, requestId };
}

/** Parses a stored error. Returns null if there is none: earlier versions of this library did not store errors. */
function parseError(error: unknown): HearthError | null {
  const { kind, code, detail, status, requestId } = (error ?? {}) as Partial<HearthErrorFields>;
  if (typeof kind !== "string" || typeof code !== "string" || typeof detail !== "string") return null;
  return new HearthError({ kind, code, detail, status: status ?? null, requestId: requestId ?? null });
}
