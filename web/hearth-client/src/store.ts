import type { Store } from "./types.js";

/**
 * A store whose snapshot is made when it is asked for. Changes of one turn are told together, after it: catching up with
 * a thousand messages is not a thousand renderings.
 */
export class LazyStore<T> implements Store<T> {
  readonly #listeners = new Set<() => void>();
  readonly #make: () => T;
  readonly #report: (error: unknown) => void;
  #snapshot: { value: T } | null = null;
  #telling = false;

  constructor(make: () => T, report: (error: unknown) => void) {
    this.#make = make;
    this.#report = report;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    // One function may subscribe twice, and has to be told apart then.
    const own = () => listener();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  };

  readonly getSnapshot = (): T => {
    this.#snapshot ??= { value: this.#make() };
    return this.#snapshot.value;
  };

  /** Something changed. */
  changed(): void {
    this.#snapshot = null;
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      for (const listener of [...this.#listeners]) guarded(this.#report, listener);
    });
  }
}

/** Calls what somebody else wrote: what it throws is reported, and stops nothing here. */
export function guarded(report: (error: unknown) => void, call: () => void): void {
  try {
    call();
  } catch (error) {
    report(error);
  }
}
