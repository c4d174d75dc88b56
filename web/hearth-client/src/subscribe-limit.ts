/**
 * Maximum number of subscribes and unsubscribes of a client that are unanswered at the same time. API Gateway invokes a
 * function for each frame, and a new AWS account may allow only 10 concurrent invocations:
 * https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
const MAX_UNANSWERED = 5;

/** Limits how many subscribes and unsubscribes a client sends before earlier ones are answered. */
export class SubscribeLimit {
  readonly #holders = new Set<object>();
  /**
   * For each waiting holder, the callback that makes it try again. The callback that was added last is called first:
   * its thread is probably the one on the screen.
   */
  readonly #waiting = new Map<object, () => void>();

  /**
   * Returns whether `holder`, a subscription, may send a frame now. If not, calls `retry` once an earlier frame is
   * answered. A holder that may send must be released when its frame is answered or given up.
   */
  take(holder: object, retry: () => void): boolean {
    this.#waiting.delete(holder);
    if (this.#holders.has(holder)) return true;
    if (this.#holders.size < MAX_UNANSWERED) {
      this.#holders.add(holder);
      return true;
    }
    this.#waiting.set(holder, retry);
    return false;
  }

  /** Removes `holder`, which waits or has sent a frame, and lets waiting holders send. */
  release(holder: object): void {
    this.#waiting.delete(holder);
    if (!this.#holders.delete(holder)) return;
    while (this.#holders.size < MAX_UNANSWERED) {
      const newest = [...this.#waiting].at(-1);
      if (newest === undefined) return;
      this.#waiting.delete(newest[0]);
      newest[1]();
    }
  }
}
