import type { HearthApi } from "./api.js";
import { HearthError } from "./errors.js";
import type { Environment, Timing } from "./types.js";

/** The dependencies that all parts of one client share. */
export interface Context {
  readonly api: HearthApi;
  readonly env: Environment;
  readonly timing: Timing;
  readonly closing: CloseNotifier;
  /** Notified when the network may be back. Its callbacks end the waits before retries. */
  readonly network: Notifier;
  /**
   * Passes an error to the application's `onError`. Called only for errors that are not reported by a rejected promise
   * or a snapshot.
   */
  readonly report: (error: unknown) => void;
}

/** A set of callbacks, all of which `notify` calls. */
export class Notifier {
  readonly #callbacks = new Set<() => void>();

  /** Adds a callback. Returns a function that removes it. */
  add(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  notify(): void {
    for (const callback of [...this.#callbacks]) callback();
  }
}

/** Notifies the parts of a client when the client is closed. */
export class CloseNotifier extends Notifier {
  readonly #controller = new AbortController();

  /**
   * A signal that is aborted when the client is closed. For a callback per request, use `add` instead: Node warns if a
   * signal has more than ten listeners.
   */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get closed(): boolean {
    return this.signal.aborted;
  }

  close(): void {
    this.#controller.abort(new DOMException("The client was closed.", "AbortError"));
    this.notify();
  }
}

/**
 * The longest `Retry-After` that is obeyed, in milliseconds; a longer one is shortened to this. A longer one is a
 * mistake of the server, or a date that seems far away because of clock skew. A 429 may mean that the user's quota of a
 * day is used up, so its `Retry-After` is obeyed up to a day.
 */
const MAX_RETRY_AFTER = 10 * 60_000;
const MAX_RETRY_AFTER_429 = 24 * 60 * 60_000;

/**
 * Returns the milliseconds to wait before retry `attempt` (0, 1, 2 …): exponential backoff with full jitter, so that
 * clients do not retry at the same time. If `error` has a `Retry-After`, it is added, up to 10 minutes; up to a day if
 * the status is 429.
 */
export function backoff({ env, timing }: Context, attempt: number, error?: unknown): number {
  const longest = Math.min(timing.backoffMax, timing.backoffBase * 2 ** Math.min(attempt, 30));
  const { retryAfter: given, status } = error instanceof HearthError ? error : { retryAfter: null, status: null };
  const retryAfter = Math.min(given ?? 0, status === 429 ? MAX_RETRY_AFTER_429 : MAX_RETRY_AFTER);
  // The jitter is added to Retry-After, because all rejected clients may have received the same value.
  return retryAfter + env.random() * longest;
}

/** A wait before a retry, which can be ended early. */
export class Pause {
  #end: (() => void) | null = null;

  /** Resolves after `milliseconds`, or earlier when `endNow` is called. */
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

  /** Ends the current wait, if any. */
  endNow(): void {
    this.#end?.();
  }
}

/**
 * Whether a call that failed with `error` may succeed later. True for a 401 as well: after the user's next sign-in, the
 * token provider may return a valid token.
 */
export function isTemporary(error: unknown): boolean {
  return error instanceof HearthError && (error.retryable || error.status === 401);
}

/**
 * Returns `error` as a {@link HearthError}. Wraps errors of other types, which come from the application's code or from
 * bugs in this library.
 */
export function toHearthError(error: unknown): HearthError {
  if (error instanceof HearthError) return error;
  return new HearthError({ kind: "protocol", code: "unexpected_answer", detail: String(error), cause: error });
}

/** How long to retry a call. */
export interface Patience {
  /** Maximum number of attempts that the server answers. Without an answer, the call is retried until it is aborted. */
  attempts: number;
  /**
   * The longest `Retry-After` to wait for, in milliseconds. The call rejects at once if the server tells a longer one.
   */
  retryAfter: number;
  /** Called with the error before each wait. */
  waiting?: (error: HearthError) => void;
}

/**
 * Calls `call` with backoff until it succeeds, fails permanently, or `patience` is exceeded. When `signal` is aborted,
 * ends the current wait and rejects with the signal's reason.
 */
export async function withRetries<T>(
  context: Context,
  signal: AbortSignal,
  call: () => Promise<T>,
  patience: Patience = { attempts: Number.POSITIVE_INFINITY, retryAfter: Number.POSITIVE_INFINITY },
): Promise<T> {
  const pause = new Pause();
  const endPause = () => pause.endNow();
  signal.addEventListener("abort", endPause);
  const forget = context.network.add(endPause);
  try {
    let answered = 0;
    for (let attempt = 0; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        return await call();
      } catch (error) {
        signal.throwIfAborted();
        if (!isTemporary(error)) throw error;
        const failure = toHearthError(error);
        if (failure.kind !== "network" && failure.kind !== "token") answered += 1;
        if (answered >= patience.attempts || (failure.retryAfter ?? 0) > patience.retryAfter) throw error;
        patience.waiting?.(failure);
        await pause.wait(context.env, backoff(context, attempt, error));
      }
    }
  } finally {
    signal.removeEventListener("abort", endPause);
    forget();
  }
}
