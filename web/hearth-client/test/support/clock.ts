interface Timer {
  at: number;
  order: number;
  owner: string;
  callback: () => void;
  cancelled: boolean;
}

/** A clock with virtual time. The time moves only during a call of `advance`, from one timer to the next. */
export class Clock {
  #now = Date.parse("2026-01-01T00:00:00.000Z");
  #order = 0;
  #fired = 0;
  /** All timers that have not fired, as a binary heap: the first element is the earliest timer. */
  readonly #timers: Timer[] = [];

  readonly now = (): number => this.#now;

  /**
   * Returns a function that schedules timers of an owner, such as a device: `pending` counts the timers of each owner.
   */
  scheduler(owner: string): (callback: () => void, milliseconds: number) => () => void {
    return (callback, milliseconds) => {
      if (!(milliseconds >= 0)) throw new RangeError(`A timer cannot run for ${milliseconds} ms.`);
      this.#order += 1;
      const timer = { at: this.#now + milliseconds, order: this.#order, owner, callback, cancelled: false };
      this.#push(timer);
      return () => {
        timer.cancelled = true;
      };
    };
  }

  /** Returns the number of pending timers of an owner. */
  pending(owner: string): number {
    return this.#timers.filter((timer) => timer.owner === owner && !timer.cancelled).length;
  }

  /** Advances the time, and calls the timers that are due. Before each timer, all pending promise callbacks run. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await flushPromises();
    for (let next = this.#timers[0]; next !== undefined && next.at <= end; next = this.#timers[0]) {
      this.#pop();
      if (next.cancelled) continue;
      this.#now = Math.max(this.#now, next.at);
      this.#fired += 1;
      if (this.#fired > 300_000)
        throw new Error("More than 300,000 timers fired. Probably a loop schedules timers without a wait.");
      next.callback();
      await flushPromises();
    }
    this.#now = end;
  }

  #push(timer: Timer): void {
    const timers = this.#timers;
    let index = timers.push(timer) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = timers[parent];
      if (above === undefined || before(above, timer)) break;
      timers[index] = above;
      index = parent;
    }
    timers[index] = timer;
  }

  #pop(): void {
    const timers = this.#timers;
    const last = timers.pop();
    if (last === undefined || timers.length === 0) return;
    let index = 0;
    for (;;) {
      const [left, right] = [timers[2 * index + 1], timers[2 * index + 2]];
      const child = right !== undefined && left !== undefined && before(right, left) ? right : left;
      if (child === undefined || before(last, child)) break;
      timers[index] = child;
      index = 2 * index + (child === left ? 1 : 2);
    }
    timers[index] = last;
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Resolves after all pending promise callbacks have run. */
export function flushPromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
