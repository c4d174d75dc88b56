import type { Context } from "./context.js";
import { HearthError, type HearthErrorFields } from "./errors.js";
import type { OutboxItem } from "./outbox.js";
import { guarded } from "./store.js";
import type { OutboxStorage } from "./types.js";

/**
 * Keeps the outbox over a reload: one item of the storage for each message, so that two tabs do not overwrite each
 * other's. Two tabs may send the same message; its key makes them one.
 */
export class OutboxShelf {
  readonly #context: Context;
  readonly #storage: OutboxStorage | null;
  readonly #prefix: string;

  constructor(context: Context, options?: { storage: OutboxStorage; key: string }) {
    this.#context = context;
    this.#storage = options?.storage ?? null;
    this.#prefix = `${options?.key ?? ""}:`;
  }

  load(): OutboxItem[] {
    const storage = this.#storage;
    if (storage === null) return [];
    const items: OutboxItem[] = [];
    guarded(this.#context.report, () => {
      for (let index = 0; index < storage.length; index += 1) {
        const name = storage.key(index);
        if (name?.startsWith(this.#prefix)) guarded(this.#context.report, () => items.push(this.#read(storage, name)));
      }
    });
    return items;
  }

  put(item: OutboxItem): void {
    const { key, threadId, body, createdAt, order, triedAt, failed } = item;
    // An object URL means nothing after a reload.
    const files = item.files.map(({ previewUrl: _, ...file }) => file);
    const error = failed && item.error !== null ? told(item.error) : null;
    const text = JSON.stringify({ threadId, body, files, createdAt, order, triedAt, failed, error });
    guarded(this.#context.report, () => this.#storage?.setItem(this.#prefix + key, text));
  }

  remove(key: string): void {
    guarded(this.#context.report, () => this.#storage?.removeItem(this.#prefix + key));
  }

  #read(storage: OutboxStorage, name: string): OutboxItem {
    const json: unknown = JSON.parse(storage.getItem(name) ?? "null");
    const { threadId, body, files, createdAt, order, triedAt, ...state } = (json ?? {}) as Partial<OutboxItem>;
    if (
      typeof threadId !== "string" ||
      typeof body !== "string" ||
      !Array.isArray(files) ||
      typeof createdAt !== "string" ||
      typeof order !== "number"
    ) {
      throw new TypeError(`${name} in the outbox's storage is no message, and is left as it is.`);
    }
    const tried = typeof triedAt === "number" ? triedAt : null;
    const key = name.slice(this.#prefix.length);
    const failed = state.failed === true;
    const error = failed ? restored(state.error) : null;
    return { key, threadId, body, files, createdAt, order, triedAt: tried, failed, error };
  }
}

/** What of an error is worth keeping: a `cause` may be anything. */
function told({ kind, code, detail, status, requestId }: HearthError): HearthErrorFields {
  return { kind, code, detail, status, requestId };
}

/** Why it failed, or null where an earlier version of this library did not keep it. */
function restored(error: unknown): HearthError | null {
  const { kind, code, detail, status, requestId } = (error ?? {}) as Partial<HearthErrorFields>;
  if (typeof kind !== "string" || typeof code !== "string" || typeof detail !== "string") return null;
  return new HearthError({ kind, code, detail, status: status ?? null, requestId: requestId ?? null });
}
