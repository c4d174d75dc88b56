import type { Context } from "./context.js";
import { HearthError, type HearthErrorFields } from "./errors.js";
import type { OutboxItem } from "./outbox.js";
import { callSafely } from "./store.js";
import type { OutboxStorage } from "./types.js";

/**
 * Keeps the outbox across page reloads. Each message is a storage item of its own, so that two tabs do not overwrite
 * each other's messages. Two tabs may send the same message; its idempotency key prevents a duplicate.
 */
export class OutboxPersistence {
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
    for (const key of this.keys()) {
      callSafely(this.#context.report, () => items.push(this.#read(storage, this.#prefix + key)));
    }
    return items;
  }

  /** Returns the keys of all stored messages, including those of other tabs and those that cannot be read. */
  keys(): string[] {
    const storage = this.#storage;
    const names: string[] = [];
    callSafely(this.#context.report, () => {
      for (let index = 0; index < (storage?.length ?? 0); index += 1) names.push(storage?.key(index) ?? "");
    });
    return names.filter((name) => name.startsWith(this.#prefix)).map((name) => name.slice(this.#prefix.length));
  }

  put(item: OutboxItem): void {
    const { key, threadId, body, createdAt, order, triedAt, failed } = item;
    // Do not store preview URLs. They are usually object URLs, which are not valid after a reload.
    const files = item.files.map(({ previewUrl: _, ...file }) => file);
    const error = failed && item.error !== null ? errorFields(item.error) : null;
    const text = JSON.stringify({ threadId, body, files, createdAt, order, triedAt, failed, error });
    callSafely(this.#context.report, () => this.#storage?.setItem(this.#prefix + key, text));
  }

  remove(key: string): void {
    callSafely(this.#context.report, () => this.#storage?.removeItem(this.#prefix + key));
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
      throw new TypeError(
        `The storage item "${name}" is not a valid outbox message. It is ignored and stays in place.`,
      );
    }
    const tried = typeof triedAt === "number" ? triedAt : null;
    const key = name.slice(this.#prefix.length);
    const failed = state.failed === true;
    const error = failed ? parseError(state.error) : null;
    return { key, threadId, body, files, createdAt, order, triedAt: tried, failed, error };
  }
}

/** Returns those fields of an error that the outbox stores. Omits `cause`, which may not be serializable. */
function errorFields({ kind, code, detail, status, requestId }: HearthError): HearthErrorFields {
  return { kind, code, detail, status, requestId };
}

/** Parses a stored error. Returns null if the item has none: earlier versions of this library did not store it. */
function parseError(error: unknown): HearthError | null {
  const { kind, code, detail, status, requestId } = (error ?? {}) as Partial<HearthErrorFields>;
  if (typeof kind !== "string" || typeof code !== "string" || typeof detail !== "string") return null;
  return new HearthError({ kind, code, detail, status: status ?? null, requestId: requestId ?? null });
}
