import { backoff, type Context, hearthError, mayPass } from "./context.js";
import type { HearthError } from "./errors.js";
import type { FileDetails, FileStatusEvent } from "./types.js";

export interface FileHandler {
  /** It is ready or failed, for good. */
  settled(event: FileStatusEvent): void;
  /** Its status cannot be asked for. */
  refused?(error: HearthError): void;
}

interface Watch {
  handlers: Set<FileHandler>;
  attempt: number;
  asking: boolean;
  cancel: () => void;
}

/** Settled files that are remembered: an event may come before the message that shows the file as pending. */
const REMEMBERED = 500;

/** Pending files, until they settle: by an event, or by asking, whichever is first. */
export class Files {
  readonly #context: Context;
  readonly #watches = new Map<string, Watch>();
  readonly #settled = new Map<string, FileStatusEvent>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Tells when a file settles, until the function that is returned is called. */
  watch(fileId: string, handler: FileHandler): () => void {
    const known = this.#settled.get(fileId);
    if (known !== undefined) {
      queueMicrotask(() => handler.settled(known));
      return () => {};
    }
    const watch = this.#watches.get(fileId) ?? { handlers: new Set(), attempt: 0, asking: false, cancel: () => {} };
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

  /** A file's status was heard of. */
  heard(event: FileStatusEvent): void {
    if (event.status === "pending") return;
    this.#settled.delete(event.fileId);
    this.#settled.set(event.fileId, event);
    for (const oldest of this.#settled.keys()) {
      if (this.#settled.size <= REMEMBERED) break;
      this.#settled.delete(oldest);
    }
    const watch = this.#watches.get(event.fileId);
    if (watch === undefined) return;
    this.#drop(event.fileId, watch);
    for (const handler of watch.handlers) handler.settled(event);
  }

  /** Events may have been missed: asks for every file that is pending. */
  askAll(): void {
    for (const [fileId, watch] of this.#watches) {
      watch.attempt = 0;
      void this.#ask(fileId, watch);
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
    watch.cancel = this.#context.env.schedule(() => void this.#ask(fileId, watch), wait);
  }

  async #ask(fileId: string, watch: Watch): Promise<void> {
    if (watch.asking) return;
    watch.asking = true;
    watch.cancel();
    let trouble: unknown;
    try {
      const details = await this.#context.api.fileStatus(fileId);
      if (details.status !== "pending") this.heard(eventOf(details));
    } catch (error) {
      trouble = error;
    }
    watch.asking = false;
    if (this.#watches.get(fileId) !== watch) return;
    if (trouble === undefined || mayPass(trouble)) {
      this.#schedule(fileId, watch, trouble);
    } else {
      this.#drop(fileId, watch);
      for (const handler of watch.handlers) handler.refused?.(hearthError(trouble));
    }
  }
}

/** The event that says what a file's status says. */
export function eventOf({ id, status, thumbUrl }: FileDetails): FileStatusEvent {
  return { fileId: id, status, thumbUrl };
}
