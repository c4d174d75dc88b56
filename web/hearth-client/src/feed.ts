import { backoff, type Context, hearthError, mayPass, Pause } from "./context.js";
import { HearthError } from "./errors.js";
import type { Live } from "./live.js";
import { guarded } from "./store.js";
import type { Message } from "./types.js";

export interface FeedHandler {
  /** Where to begin: the `seq` after which messages are wanted. Called again after a failure that may pass. */
  locate(signal: AbortSignal): Promise<number>;
  message(message: Message): void;
  /** What keeps it from going on: null when it goes on again. */
  trouble(error: HearthError | null): void;
  /** It cannot go on at all. */
  ended(error: HearthError): void;
}

/** Messages that are held back at most; beyond, they are fetched again when it is their turn. */
const HELD = 500;
/** Messages of a page when catching up: the most that the server gives. */
const PAGE = 100;

/**
 * Every message of a thread behind a `seq`, each once, in order. It hears what is pushed and fetches what is missing;
 * it knows of what is missing by the barrier of each subscription and by gaps in `seq`.
 */
export class Feed {
  readonly #context: Context;
  readonly #live: Live;
  readonly #threadId: string;
  readonly #handler: FeedHandler;
  readonly #leave: () => void;
  readonly #stopping = new AbortController();
  readonly #pause = new Pause();
  /** Pushed ahead of their turn. */
  readonly #held = new Map<number, Message>();
  /** The last message that was delivered; null until it is known where to begin. */
  #position: number | null = null;
  /** The newest message that is known to exist. */
  #newest = 0;
  /** How often it was heard, since all was last asked for, that nothing is pushed: there may be more than is known of. */
  #doubts = 0;
  #running = false;
  #cancelReorder: (() => void) | null = null;

  constructor(context: Context, live: Live, threadId: string, handler: FeedHandler) {
    this.#context = context;
    this.#live = live;
    this.#threadId = threadId;
    this.#handler = handler;
    // Subscribing goes first: what is committed between the two is pushed.
    this.#leave = live.join(threadId, {
      message: (message, truncated) => this.accept(message, truncated),
      subscribed: (seq) => {
        this.#newest = Math.max(this.#newest, seq);
        this.#pause.cut();
        this.#catchUp();
      },
      refused: (error) => this.#end(error),
      unheard: () => {
        this.#doubts += 1;
        this.#catchUp();
      },
    });
    this.#catchUp();
  }

  /** Takes a message, wherever it came from: what is not new is dropped, what is early is held back. */
  accept(message: Message, truncated = false): void {
    if (this.#stopping.signal.aborted) return;
    this.#newest = Math.max(this.#newest, message.seq);
    if (this.#position !== null && message.seq <= this.#position) return;
    if (!truncated && this.#held.size < HELD) this.#held.set(message.seq, message);
    this.#deliver();
    if (this.#position === null || this.#position >= this.#newest) return;
    // The one before it may only have been overtaken. One that was truncated will not come.
    if (truncated) this.#catchUp();
    else if (this.#cancelReorder === null) {
      this.#cancelReorder = this.#context.env.schedule(() => {
        this.#cancelReorder = null;
        this.#catchUp();
      }, this.#context.timing.reorder);
    }
  }

  stop(): void {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    this.#cancelReorder?.();
    this.#pause.cut();
    this.#leave();
    this.#live.setBehind(this, false);
  }

  #end(error: HearthError): void {
    if (this.#stopping.signal.aborted) return;
    this.stop();
    this.#handler.ended(error);
  }

  /** Delivers what has its turn. */
  #deliver(): void {
    if (this.#position === null) return;
    for (let message = this.#held.get(this.#position + 1); message !== undefined; ) {
      this.#held.delete(message.seq);
      this.#position = message.seq;
      const next = message;
      guarded(this.#context.report, () => this.#handler.message(next));
      if (this.#stopping.signal.aborted) return;
      message = this.#held.get(this.#position + 1);
    }
  }

  /** Fetches until nothing is missing any more. */
  #catchUp(): void {
    if (this.#running || this.#stopping.signal.aborted) return;
    if (this.#position !== null && this.#position >= this.#newest && this.#doubts === 0) return;
    this.#running = true;
    this.#live.setBehind(this, true);
    this.#fetchAll()
      .catch((error: unknown) => this.#end(hearthError(error)))
      .finally(() => {
        this.#running = false;
        this.#live.setBehind(this, false);
        // What became known while this one was ending.
        this.#catchUp();
      });
  }

  async #fetchAll(): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; ) {
      try {
        if (this.#position === null) await this.#begin(signal);
        // What was missing when the last try failed may have been pushed since.
        const behind = this.#position !== null && (this.#position < this.#newest || this.#doubts > 0);
        if (behind) await this.#fetch(this.#position ?? 0, signal);
        if (attempt > 0) this.#handler.trouble(null);
        if (!behind) return;
        attempt = 0;
      } catch (error) {
        if (signal.aborted || this.#context.closing.done) return;
        if (!mayPass(error)) throw error;
        this.#handler.trouble(hearthError(error));
        await this.#pause.wait(this.#context.env, backoff(this.#context, attempt, error));
        attempt += 1;
      }
    }
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const position = await this.#handler.locate(signal);
    this.#position = position;
    this.#newest = Math.max(this.#newest, position);
    for (const seq of [...this.#held.keys()]) if (seq <= position) this.#held.delete(seq);
    this.#deliver();
  }

  async #fetch(after: number, signal: AbortSignal): Promise<void> {
    const doubts = this.#doubts;
    const page = { after, limit: PAGE };
    const { messages, nextCursor } = await this.#context.api.messages(this.#threadId, page, { signal });
    // Not held back: they are in order already, and there may be more than are held at most.
    for (const message of messages) {
      if (message.seq === (this.#position ?? 0) + 1) this.#held.set(message.seq, message);
      this.accept(message);
      if (signal.aborted) return;
    }
    // Behind a doubt that came up meanwhile, there may be more again.
    if (nextCursor === null && this.#doubts === doubts) this.#doubts = 0;
    // It may have been delivered by pushes meanwhile.
    if ((this.#position ?? 0) > after || (this.#newest <= after && nextCursor === null)) return;
    const detail = `Message ${after + 1} is missing from the server's answer.`;
    throw new HearthError({ kind: "protocol", code: "unexpected_answer", detail });
  }
}
