import { backoff, type Context, isTemporary, toHearthError } from "./context.js";
import type { HearthError } from "./errors.js";
import type { FileDetails, FileStatusEvent } from "./types.js";

export interface FileHandler {
  /** Called once, when the file is `ready` or `failed`. */
  finished(event: FileStatusEvent): void;
  /** Called once, when the request for the file's status fails permanently. */
  unavailable?(error: HearthError): void;
}

interface Watch {
  handlers: Set<FileHandler>;
  attempt: number;
  requesting: boolean;
  cancel: () => void;
}

/**
 * Maximum number of files whose outcome (`ready` or `failed`) is remembered. An outcome is needed later if the
 * `file:status` event arrives before a message in which the file is still pending.
 */
const MAX_REMEMBERED = 500;

/**
 * Waits until pending files are `ready` or `failed`. Learns this from a `file:status` event or from a status request,
 * whichever comes first.
 */
export class PendingFiles {
  readonly #context: Context;
  readonly #watches = new Map<string, Watch>();
  readonly #outcomes = new Map<string, FileStatusEvent>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Calls `handler` when the file is `ready` or `failed`. Returns a function that removes the handler. */
  watch(fileId: string, handler: FileHandler): () => void {
    const known = this.#outcomes.get(fileId);
    if (known !== undefined) {
      queueMicrotask(() => handler.finished(known));
      return () => {};
    }
    const watch = this.#watches.get(fileId) ?? { handlers: new Set(), attempt: 0, requesting: false, cancel: () => {} };
    watch.handlers.add(handler);
    if (!this.#watches.has(fileId)) {
      this.#watches.set(fileId, watch);
      this.#schedule(fileId, watch);
    }
    return () => {
      watch.handlers.delete(handler);
      if (watch.handlers.size === 0) this.#drop(fileId, watch);
    };
  }

  /** Records that a file is `ready` or `failed`, and calls its handlers. Ignores an event with the status `pending`. */
  record(event: FileStatusEvent): void {
    if (event.status === "pending") return;
    this.#outcomes.delete(event.fileId);
    this.#outcomes.set(event.fileId, event);
    for (const oldest of this.#outcomes.keys()) {
      if (this.#outcomes.size <= MAX_REMEMBERED) break;
      this.#outcomes.delete(oldest);
    }
    const watch = this.#watches.get(event.fileId);
    if (watch === undefined) return;
    this.#drop(event.fileId, watch);
    for (const handler of watch.handlers) handler.finished(event);
  }

  /** Requests the status of every pending file now. Called when events may have been missed. */
  checkAll(): void {
    for (const [fileId, watch] of this.#watches) {
      watch.attempt = 0;
      void this.#check(fileId, watch);
    }
  }

  close(): void {
    for (const [fileId, watch] of this.#watches) this.#drop(fileId, watch);
  }

  #drop(fileId: string, watch: Watch): void {
    watch.cancel();
    if (this.#watches.get(fileId) === watch) this.#watches.delete(fileId);
  }

  #schedule(fileId: string, watch: Watch, error?: unknown): void {
    watch.cancel();
    const wait = this.#context.timing.backoffBase / 2 + backoff(this.#context, watch.attempt, error);
    watch.attempt += 1;
    watch.cancel = this.#context.env.schedule(() => void this.#check(fileId, watch), wait);
  }

  async #check(fileId: string, watch: Watch): Promise<void> {
    if (watch.requesting) return;
    watch.requesting = true;
    watch.cancel();
    let failure: unknown;
    try {
      const details = await this.#context.api.fileStatus(fileId);
      if (details.status !== "pending") this.record(statusEvent(details));
    } catch (error) {
      failure = error;
    }
    watch.requesting = false;
    if (this.#watches.get(fileId) !== watch) return;
    if (failure === undefined || isTemporary(failure)) {
      this.#schedule(fileId, watch, failure);
    } else {
      this.#drop(fileId, watch);
      for (const handler of watch.handlers) handler.unavailable?.(toHearthError(failure));
    }
  }
}

function statusEvent({ id, status, thumbUrl, ...details }: FileDetails): FileStatusEvent {
  return { fileId: id, status, thumbUrl, ...imageSize(details) };
}

/** Returns the size of an image, if it is known. */
export function imageSize({ width, height }: { width?: number; height?: number }): { width?: number; height?: number } {
  return width === undefined || height === undefined ? {} : { width, height };
}
