import { backoff, type Context, isTemporary, Pause, toHearthError } from "./context.js";
import type { HearthError } from "./errors.js";
import type { LiveConnection } from "./live-connection.js";

export interface CatchUpHandler {
  /** Returns whether messages or changes are missing, and so must be fetched. */
  missing(): boolean;
  /** Fetches a page of the missing messages or changes. Throws if the page brings none of them. */
  fetch(signal: AbortSignal): Promise<void>;
  /** Called with each temporary error, after which the fetch is retried, and with null once a retry has succeeded. */
  delayed(error: HearthError | null): void;
  /** Called with a permanent error, which ends the fetch. */
  failed(error: HearthError): void;
}

/**
 * Fetches the missing messages or changes of a thread, one request at a time and with retries. Meanwhile, the status of
 * the live connection is `catching-up`.
 */
export class CatchUp {
  readonly #context: Context;
  readonly #live: LiveConnection;
  readonly #handler: CatchUpHandler;
  readonly #stopping = new AbortController();
  readonly #pause = new Pause();
  #running = false;
  #cancelWait: (() => void) | null = null;

  constructor(context: Context, live: LiveConnection, handler: CatchUpHandler) {
    this.#context = context;
    this.#live = live;
    this.#handler = handler;
  }

  get stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Starts to fetch, unless a fetch is running or nothing is missing. */
  start(): void {
    if (this.#running || this.stopped || !this.#handler.missing()) return;
    this.#running = true;
    this.#live.setBehind(this, true);
    this.#fetchAll()
      .catch((error: unknown) => {
        if (!this.stopped) this.#handler.failed(toHearthError(error));
      })
      .finally(() => {
        this.#running = false;
        this.#live.setBehind(this, false);
        // Start again: since the last fetch, an event may have shown that more messages or changes are missing.
        this.start();
      });
  }

  /** Starts to fetch now, without waiting for the next retry. */
  startNow(): void {
    this.#pause.endNow();
    this.start();
  }

  /** Starts to fetch after `timing.reorder`, unless the missing messages or changes are pushed until then. */
  startSoon(): void {
    if (this.stopped || !this.#handler.missing()) return;
    this.#cancelWait ??= this.#context.env.schedule(() => {
      this.#cancelWait = null;
      this.start();
    }, this.#context.timing.reorder);
  }

  stop(): void {
    this.#stopping.abort();
    this.#cancelWait?.();
    this.#pause.endNow();
    this.#live.setBehind(this, false);
  }

  async #fetchAll(): Promise<void> {
    const { signal } = this.#stopping;
    const handler = this.#handler;
    let attempt = 0;
    // The missing messages or changes may be pushed during a wait, so call `missing` before each attempt.
    while (!signal.aborted && handler.missing()) {
      try {
        await handler.fetch(signal);
        if (attempt > 0) handler.delayed(null);
        attempt = 0;
      } catch (error) {
        if (signal.aborted || this.#context.closing.closed) return;
        if (!isTemporary(error)) throw error;
        handler.delayed(toHearthError(error));
        await this.#pause.wait(this.#context.env, backoff(this.#context, attempt, error));
        attempt += 1;
      }
    }
    if (attempt > 0 && !signal.aborted) handler.delayed(null);
  }
}
