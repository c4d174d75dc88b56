import { CatchUp } from "./catch-up.js";
import type { Context } from "./context.js";
import { HearthError } from "./errors.js";
import type { LiveConnection } from "./live-connection.js";
import type { Message } from "./types.js";

export interface ChangeFollowerHandler {
  /** Called with each message that was changed. A message may come again, and may be in no list yet. */
  changed(message: Message): void;
  /** Reads all messages again that the view holds. */
  reload(signal: AbortSignal): Promise<void>;
  /** Called when changes cannot be fetched because of a permanent error. */
  failed(error: HearthError): void;
}

/** Maximum number of revisions to remember while an earlier one is missing. Further ones are fetched. */
const MAX_AHEAD = 500;
/** A revision that no thread has. The answer to a request for the changes after it tells the thread's last revision. */
const BEYOND = Number.MAX_SAFE_INTEGER;

/**
 * Keeps the last gap-free revision of a thread: the view has received all changes up to it. Takes pushed changes, and
 * fetches missing ones. Changes are missing when there is a gap in their revisions, when one was truncated, or when
 * `subscribed` reports a later revision.
 */
export class ChangeFollower {
  readonly #context: Context;
  readonly #threadId: string;
  readonly #handler: ChangeFollowerHandler;
  readonly #catchUp: CatchUp;
  /**
   * The last gap-free revision. Null until `subscribed` or a reset tells it. The `rev` of messages that are read by REST
   * says nothing about it: a page may show a change without an earlier one to another message.
   */
  #rev: number | null = null;
  /** The largest revision that is known to exist. */
  #newest = 0;
  /** Revisions that were pushed while an earlier one was missing. */
  readonly #ahead = new Set<number>();
  /** Whether the view holds messages that were read before `#rev` was known. */
  #stale = false;
  #starts = 0;
  /** Number of times that pushes were reported as unavailable, since the last complete fetch. */
  #pushOutages = 0;

  constructor(context: Context, live: LiveConnection, threadId: string, handler: ChangeFollowerHandler) {
    this.#context = context;
    this.#threadId = threadId;
    this.#handler = handler;
    this.#catchUp = new CatchUp(context, live, {
      missing: () => this.#missing,
      fetch: (signal) => (this.#stale ? this.#reload(signal) : this.#fetchPage(signal)),
      // The connection's status tells that the view is not up to date.
      delayed: () => {},
      failed: (error) => {
        this.stop();
        handler.failed(error);
      },
    });
  }

  /**
   * Number of times that the last gap-free revision was set without reading the changes before it. A page of messages
   * that was requested before the latest time may lack changes.
   */
  get starts(): number {
    return this.#starts;
  }

  /** Takes the thread's last revision as `subscribed` reports it; null while nothing is pushed. */
  eventsMissed(rev: number | null | undefined): void {
    if (rev === undefined) return;
    if (rev === null) this.#pushOutages += 1;
    else {
      this.#newest = Math.max(this.#newest, rev);
      // In a thread without changes, everything that was read before is current.
      if (this.#rev === null && rev > 0) this.#start(rev);
      else if (this.#rev === null) this.#advance(0);
    }
    this.#catchUp.startNow();
  }

  /** Takes the revision of a pushed change. The change itself was taken already, unless it was truncated. */
  pushed(rev: number, truncated: boolean): void {
    if (this.#rev !== null && rev <= this.#rev) return;
    this.#newest = Math.max(this.#newest, rev);
    if (!truncated && this.#ahead.size < MAX_AHEAD) this.#ahead.add(rev);
    this.#advance(this.#rev);
    if (truncated) this.#catchUp.start();
    else this.#catchUp.startSoon();
  }

  stop(): void {
    this.#catchUp.stop();
  }

  get #missing(): boolean {
    return this.#stale || this.#pushOutages > 0 || (this.#rev !== null && this.#rev < this.#newest);
  }

  /** Sets the last gap-free revision without reading the changes up to it: what was read before may lack them. */
  #start(rev: number): void {
    this.#starts += 1;
    this.#stale = true;
    this.#advance(rev);
  }

  /** Moves the last gap-free revision to `rev`, and over the pushed revisions that follow. */
  #advance(rev: number | null): void {
    if (rev === null) return;
    let last = rev;
    while (this.#ahead.has(last + 1)) last += 1;
    for (const ahead of this.#ahead) if (ahead <= last) this.#ahead.delete(ahead);
    this.#rev = last;
  }

  async #reload(signal: AbortSignal): Promise<void> {
    const starts = this.#starts;
    await this.#handler.reload(signal);
    if (this.#starts === starts) this.#stale = false;
  }

  async #fetchPage(signal: AbortSignal): Promise<void> {
    const outages = this.#pushOutages;
    const after = this.#rev;
    const page = await this.#context.api.changes(this.#threadId, { after: after ?? BEYOND }, { signal });
    if ("reset" in page) {
      this.#newest = page.rev;
      this.#start(page.rev);
    } else {
      for (const message of page.messages) this.#handler.changed(message);
      this.#advance(Math.max(page.rev, this.#rev ?? 0));
    }
    const last = "reset" in page || page.nextCursor === null;
    // If another outage was reported during the request, keep the count above 0, so that another fetch follows.
    if (last && this.#pushOutages === outages) this.#pushOutages = 0;
    // Succeed if this page or a push during the request has brought changes, or if none were missing.
    if (this.#rev !== after || !this.#missing) return;
    const detail = `The server's response does not contain the change ${(after ?? 0) + 1}, although it exists.`;
    throw new HearthError({ kind: "protocol", code: "unexpected_answer", detail });
  }
}
