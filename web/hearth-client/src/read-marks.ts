import { backoff, type Context, isTemporary } from "./context.js";
import type { ThreadModel } from "./thread-model.js";

/** A read mark that is not stored yet. */
interface Mark {
  seq: number;
  attempt: number;
  /** Whether a request that stores the mark, or an earlier one of the thread, is under way. */
  sending: boolean;
  cancel: () => void;
}

/**
 * Stores the caller's read marks. Collects the marks of a thread for `timing.markRead` and stores the last one; retries
 * until it is stored or refused permanently.
 */
export class ReadMarks {
  readonly #context: Context;
  readonly #model: ThreadModel;
  readonly #marks = new Map<string, Mark>();

  constructor(context: Context, model: ThreadModel) {
    this.#context = context;
    this.#model = model;
    const { env, closing } = context;
    const hidden = () => {
      if (env.document?.visibilityState !== "visible") this.storeNow();
    };
    env.document?.addEventListener("visibilitychange", hidden, { signal: closing.signal });
  }

  /** Moves the caller's read mark of a thread forward to `seq`. Does nothing if it is at `seq` or further already. */
  add(threadId: string, seq: number): void {
    if (seq <= (this.#model.get(threadId)?.readSeq ?? 0)) return;
    const mark = this.#marks.get(threadId);
    if (mark === undefined) {
      const added = { seq, attempt: 0, sending: false, cancel: () => {} };
      this.#marks.set(threadId, added);
      this.#schedule(threadId, added, this.#context.timing.markRead);
    } else mark.seq = Math.max(mark.seq, seq);
    this.#model.read(threadId, seq);
  }

  /** Stores the read mark of a thread on the server now, or without `threadId` the read marks of all threads. */
  storeNow(threadId?: string): void {
    for (const [id, mark] of this.#marks) {
      if (threadId === undefined || id === threadId) void this.#store(id, mark);
    }
  }

  /** Sends all marks that are not stored yet. Called before the client is closed, so answers cannot be waited for. */
  close(): void {
    for (const [threadId, { seq, cancel }] of this.#marks) {
      cancel();
      this.#context.api.markReadAtClose(threadId, seq);
    }
    this.#marks.clear();
  }

  #schedule(threadId: string, mark: Mark, wait: number): void {
    mark.cancel();
    mark.cancel = this.#context.env.schedule(() => void this.#store(threadId, mark), wait);
  }

  async #store(threadId: string, mark: Mark): Promise<void> {
    if (mark.sending) return;
    mark.cancel();
    mark.sending = true;
    const { seq } = mark;
    let wait = this.#context.timing.markRead;
    try {
      // A browser may stop a hidden page. With `keepalive`, the request continues.
      const { readSeq } = await this.#context.api.markRead(threadId, seq, { keepalive: true });
      this.#model.read(threadId, readSeq);
      mark.attempt = 0;
      if (mark.seq <= readSeq) this.#marks.delete(threadId);
    } catch (error) {
      if (this.#context.closing.closed) return;
      wait = backoff(this.#context, mark.attempt, error);
      mark.attempt += 1;
      if (!isTemporary(error)) {
        this.#marks.delete(threadId);
        this.#context.report(error);
      }
    }
    mark.sending = false;
    if (this.#marks.get(threadId) === mark) this.#schedule(threadId, mark, wait);
  }
}
