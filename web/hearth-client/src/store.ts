import type { Store } from "./types.js";

/**
 * A store that creates its snapshot on demand. It notifies listeners once per turn of the event loop: a thousand
 * messages fetched at once cause one render, not a thousand.
 */
export class LazyStore<T> implements Store<T> {
  readonly #listeners = new Set<() => void>();
  readonly #make: () => T;
  readonly #report: (error: unknown) => void;
  #snapshot: { value: T } | null = null;
  #notifying = false;

  constructor(make: () => T, report: (error: unknown) => void) {
    this.#make = make;
    this.#report = report;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    // The wrapper makes each subscription unique, because the same function may subscribe twice.
    const own = () => listener();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  };

  readonly getSnapshot = (): T => {
    this.#snapshot ??= { value: this.#make() };
    return this.#snapshot.value;
  };

  /** Discards the snapshot and notifies the listeners at the end of this turn. */
  changed(): void {
    this.#snapshot = null;
    if (this.#notifying) return;
    this.#notifying = true;
    queueMicrotask(() => {
      this.#notifying = false;
      for (const listener of [...this.#listeners]) callSafely(this.#report, listener);
    });
  }
}

/** Calls code of the application or the platform. Reports an exception instead of throwing it. */
export function callSafely(report: (error: unknown) => void, call: () => void): void {
  try {
    call();
  } catch (error) {
    report(error);
  }
}
