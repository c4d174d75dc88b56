import type { HearthApi } from "./api.js";
import { HearthError } from "./errors.js";
import type { Environment, Timing } from "./types.js";

/** What every part of a client needs. */
export interface Context {
  readonly api: HearthApi;
  readonly env: Environment;
  readonly timing: Timing;
  readonly closing: Closing;
  /** For errors that nobody else hears of. */
  readonly report: (error: unknown) => void;
}

/** The end of a client, and who has to know of it. */
export class Closing {
  readonly #controller = new AbortController();
  readonly #callbacks = new Set<() => void>();

  /** Aborted by the end. For what there are few of: each listener of a signal beyond the tenth is a warning in Node. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get done(): boolean {
    return this.signal.aborted;
  }

  /** Calls `callback` at the end, unless the function that is returned is called before. */
  add(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  close(): void {
    this.#controller.abort(new DOMException("The client was closed.", "AbortError"));
    for (const callback of [...this.#callbacks]) callback();
    this.#callbacks.clear();
  }
}

/** What a server asks for beyond this is a mistake, or a date that clocks see differently. */
const LONGEST_WAIT = 10 * 60_000;

/** How long to wait before try `attempt` (0, 1, 2 …): exponential with full jitter, so that clients do not come in step. */
export function backoff({ env, timing }: Context, attempt: number, error?: unknown): number {
  const most = Math.min(timing.backoffMax, timing.backoffBase * 2 ** Math.min(attempt, 30));
  const asked = Math.min(error instanceof HearthError ? (error.retryAfter ?? 0) : 0, LONGEST_WAIT);
  // Beside what the server asked for, or all that it refused at once would come back at once.
  return asked + env.random() * most;
}

/** A wait that can be cut short. */
export class Pause {
  #end: (() => void) | null = null;

  /** Resolves after so many milliseconds, or when it is cut short. */
  wait(env: Environment, milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = env.schedule(() => this.#end?.(), milliseconds);
      this.#end = () => {
        this.#end = null;
        cancel();
        resolve();
      };
    });
  }

  /** Ends the wait that is under way, if any. */
  cut(): void {
    this.#end?.();
  }
}

/** Whether trying again may help. A 401 is: the token provider may have a good one once somebody has signed in. */
export function mayPass(error: unknown): boolean {
  return error instanceof HearthError && (error.retryable || error.status === 401);
}

/** As a {@link HearthError}: what this library did not throw itself is a fault of its own or of what was passed in. */
export function hearthError(error: unknown): HearthError {
  if (error instanceof HearthError) return error;
  return new HearthError({ kind: "protocol", code: "unexpected_answer", detail: String(error), cause: error });
}

/** Calls until it succeeds or is refused for good; `most` tries at most. Rejects at once when `signal` is aborted. */
export async function retrying<T>(
  context: Context,
  signal: AbortSignal,
  call: () => Promise<T>,
  most = Number.POSITIVE_INFINITY,
): Promise<T> {
  const pause = new Pause();
  const cut = () => pause.cut();
  signal.addEventListener("abort", cut);
  try {
    for (let attempt = 0; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        return await call();
      } catch (error) {
        signal.throwIfAborted();
        if (!mayPass(error) || attempt + 1 >= most) throw error;
        await pause.wait(context.env, backoff(context, attempt, error));
      }
    }
  } finally {
    signal.removeEventListener("abort", cut);
  }
}
