import { CatchUp } from "./catch-up.js";
import type { Context } from "./context.js";
import { HearthError } from "./errors.js";
import { channelOf } from "./frames.js";
import type { LiveConnection } from "./live-connection.js";
import { callSafely } from "./store.js";
import type { Message } from "./types.js";

export interface ThreadFollowerHandler {
  /** Returns the `seq` after which the delivery of messages starts. Called again after a temporary failure. */
  findStart(signal: AbortSignal): Promise<number>;
  message(message: Message): void;
  /**
   * Called when events of the thread, other than messages, may have been missed. `rev` is the thread's last revision, and
   * later events are pushed. It is null if no socket could be opened, so that no events are pushed, and undefined if an
   * older server does not send it.
   */
  eventsMissed(rev: number | null | undefined): void;
  /** Called with the error that delays messages, and with null once a retry has succeeded. */
  delayed(error: HearthError | null): void;
  /** Called when the follower stops because of a permanent error. */
  stopped(error: HearthError): void;
}

/**
 * Maximum number of messages to buffer while an earlier one is missing. Further messages are dropped, and fetched after
 * the buffered messages are delivered.
 */
const MAX_BUFFERED = 500;
/** Number of messages to request at once: the server's maximum. */
const PAGE_SIZE = 100;

/**
 * Delivers every message of a thread after a given `seq`, once and in order. Takes pushed messages, and fetches missing
 * ones. Messages are missing when there is a gap in `seq`, or when `subscribed` reports a later `seq`.
 */
export class ThreadFollower {
  readonly #context: Context;
  readonly #threadId: string;
  readonly #handler: ThreadFollowerHandler;
  readonly #leave: () => void;
  readonly #catchUp: CatchUp;
  /** Messages that are not delivered yet because an earlier one is missing, by `seq`. */
  readonly #buffer = new Map<number, Message>();
  /** The `seq` of the last delivered message; null until `findStart` has succeeded. */
  #position: number | null = null;
  /** The largest `seq` that this follower knows to exist in the thread. */
  #newest = 0;
  /**
   * Number of connection attempts that failed to open a socket, since the last complete fetch of messages. If it is
   * above 0, messages after `#newest` may exist that were not pushed, so the follower fetches them.
   */
  #pushOutages = 0;

  constructor(context: Context, live: LiveConnection, threadId: string, handler: ThreadFollowerHandler) {
    this.#context = context;
    this.#threadId = threadId;
    this.#handler = handler;
    this.#catchUp = new CatchUp(context, live, {
      missing: () => this.#position === null || this.#position < this.#newest || this.#pushOutages > 0,
      fetch: (signal) => (this.#position === null ? this.#start(signal) : this.#fetchPage(this.#position, signal)),
      delayed: (error) => handler.delayed(error),
      failed: (error) => this.#fail(error),
    });
    // Subscribe before fetching, so that every message committed after the fetch is pushed.
    const unsubscribe = live.followChannel(channelOf(threadId), {
      subscribed: ({ seq = 0, rev }) => {
        handler.eventsMissed(rev);
        this.#newest = Math.max(this.#newest, seq);
        this.#catchUp.startNow();
      },
      refused: (error) => this.#fail(error),
      pushUnavailable: () => {
        handler.eventsMissed(null);
        this.#pushOutages += 1;
        this.#catchUp.start();
      },
    });
    const stopListening = live.onPush((push) => {
      if (push.event !== "message:new" || push.data.threadId !== threadId) return;
      this.accept(push.data.message, push.data.truncated);
    });
    this.#leave = () => {
      unsubscribe();
      stopListening();
    };
    this.#catchUp.start();
  }

  /**
   * Takes a message that was pushed, fetched or just sent. Drops it if it was delivered already, and buffers it if an
   * earlier one is missing.
   */
  accept(message: Message, truncated = false): void {
    if (this.#catchUp.stopped) return;
    this.#newest = Math.max(this.#newest, message.seq);
    if (this.#position !== null && message.seq <= this.#position) return;
    if (!truncated && this.#buffer.size < MAX_BUFFERED) this.#buffer.set(message.seq, message);
    this.#deliver();
    // A truncated message has to be fetched. Other missing messages may only be late, so wait a moment for them.
    if (truncated) this.#catchUp.start();
    else this.#catchUp.startSoon();
  }

  stop(): void {
    if (this.#catchUp.stopped) return;
    this.#catchUp.stop();
    this.#leave();
  }

  #fail(error: HearthError): void {
    if (this.#catchUp.stopped) return;
    this.stop();
    this.#handler.stopped(error);
  }

  /** Delivers buffered messages up to the next gap. */
  #deliver(): void {
    if (this.#position === null) return;
    for (let message = this.#buffer.get(this.#position + 1); message !== undefined; ) {
      this.#buffer.delete(message.seq);
      this.#position = message.seq;
      const next = message;
      callSafely(this.#context.report, () => this.#handler.message(next));
      if (this.#catchUp.stopped) return;
      message = this.#buffer.get(this.#position + 1);
    }
  }

  async #start(signal: AbortSignal): Promise<void> {
    const position = await this.#handler.findStart(signal);
    this.#position = position;
    this.#newest = Math.max(this.#newest, position);
    for (const seq of [...this.#buffer.keys()]) if (seq <= position) this.#buffer.delete(seq);
    this.#deliver();
  }

  async #fetchPage(after: number, signal: AbortSignal): Promise<void> {
    const outages = this.#pushOutages;
    const page = { after, limit: PAGE_SIZE };
    const { messages, nextCursor } = await this.#context.api.messages(this.#threadId, page, { signal });
    for (const message of messages) {
      // Buffer the next message to deliver even if the buffer is full: its delivery makes room for the others.
      if (message.seq === (this.#position ?? 0) + 1) this.#buffer.set(message.seq, message);
      this.accept(message);
      if (signal.aborted) return;
    }
    // If the socket could not be opened during the request, messages that were sent meanwhile may be missing in this page
    // and were not pushed. Then the number of failed attempts stays above 0, so that another fetch follows.
    if (nextCursor === null && this.#pushOutages === outages) this.#pushOutages = 0;
    // Succeed if this page or a push during the request has delivered messages, or if no messages were missing.
    if ((this.#position ?? 0) > after || (this.#newest <= after && nextCursor === null)) return;
    const detail = `The server's response does not contain message ${after + 1}, although it exists.`;
    throw new HearthError({ kind: "protocol", code: "unexpected_answer", detail });
  }
}
