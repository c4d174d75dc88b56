import { CatchUp } from "./catch-up.js";
import type { Context } from "./context.js";
import { HearthError } from "./errors.js";
import type { LiveConnection } from "./live-connection.js";
import type { Message } from "./types.js";

export interface ChangeFollowerHandler {
  /**
   * Called with each changed message that was fetched. The view may have the change already, or not the message yet.
   */
  changed(message: Message): void;
  /** Fetches all messages of the view again. */
  reload(signal: AbortSignal): Promise<void>;
  /** Called when changes cannot be fetched because of a permanent error. */
  failed(error: HearthError): void;
}

/**
 * Maximum number of pushed revisions to remember while an earlier revision is missing. Later ones are not remembered,
 * so their changes are fetched although they were pushed.
 */
const MAX_AHEAD = 500;
/** A revision that no thread has. The server answers a request for the changes after it with the last revision. */
const BEYOND = Number.MAX_SAFE_INTEGER;

/**
 * Records the last gap-free revision of a thread: the view has received all changes up to this revision. Takes pushed
 * changes, and fetches missing ones. Changes are missing when there is a gap in the pushed revisions, when a pushed
 * change was truncated, or when a `subscribed` event contains a later revision.
 */
export class ChangeFollower {
  readonly #context: Context;
  readonly #threadId: string;
  readonly #handler: ChangeFollowerHandler;
  readonly #catchUp: CatchUp;
  /**
   * The last gap-free revision. Null until a `subscribed` event, or a `reset` in an answer, has brought it. It cannot
   * be taken from the `rev` of fetched messages: a page of messages may contain revision 7 of the thread, but not
   * revision 6, which changed a message on another page.
   */
  #rev: number | null = null;
  /** The largest revision that is known to exist. */
  #newest = 0;
  /** Revisions that were pushed while an earlier one was missing. */
  readonly #ahead = new Set<number>();
  /**
   * Whether messages of the view were fetched before `#rev` was set. They may lack changes, so they are fetched again.
   */
  #stale = false;
  #starts = 0;
  /**
   * Number of connection attempts that failed to open a socket, since the last complete fetch of changes. If it is
   * above 0, changes may exist that were not pushed, so they are fetched.
   */
  #pushOutages = 0;

  constructor(context: Context, live: LiveConnection, threadId: string, handler: ChangeFollowerHandler) {
    this.#context = context;
    this.#threadId = threadId;
    this.#handler = handler;
    this.#catchUp = new CatchUp(context, live, {
      missing: () => this.#missing,
      fetch: (signal) => (this.#stale ? this.#reload(signal) : this.#fetchPage(signal)),
      // A delay is no error of the view: the connection's status, `catching-up`, already shows that changes are
      // missing.
      delayed: () => {},
      failed: (error) => {
        this.stop();
        handler.failed(error);
      },
    });
  }

  /**
   * Number of times that the last gap-free revision was set without fetching the changes up to it. If this number grows
   * while a page of messages is being requested, the page may lack changes, and must be requested again.
   */
  get starts(): number {
    return this.#starts;
  }

  /**
   * Called when changes may have been missed. `rev` is the thread's last revision, from the `subscribed` event. It is
   * null if no socket could be opened, and undefined if an older server does not send it.
   */
  eventsMissed(rev: number | null | undefined): void {
    if (rev === undefined) return;
    if (rev === null) this.#pushOutages += 1;
    else {
      this.#newest = Math.max(this.#newest, rev);
      // In a thread without changes (`rev` is 0), no message that was fetched before can lack a change.
      if (this.#rev === null && rev > 0) this.#start(rev);
      else if (this.#rev === null) this.#advance(0);
    }
    this.#catchUp.startNow();
  }

  /**
   * Records the revision of a pushed change. Unless it was truncated, the view has taken the changed message already.
   */
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

  /**
   * Sets the last gap-free revision without fetching the changes up to it. Messages that were fetched before may lack
   * these changes, so they are fetched again.
   */
  #start(rev: number): void {
    this.#starts += 1;
    this.#stale = true;
    this.#advance(rev);
  }

  /**
   * Moves the last gap-free revision to `rev`, and further over the pushed revisions that follow `rev` without a gap.
   */
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
    // If the socket could not be opened during the request, changes that were made meanwhile may be missing in this page
    // and were not pushed. Then the number of failed attempts stays above 0, so that another fetch follows.
    if (last && this.#pushOutages === outages) this.#pushOutages = 0;
    // Succeed if this page or a push during the request has brought changes, or if none were missing.
    if (this.#rev !== after || !this.#missing) return;
    const detail = `The server's response does not contain the change ${(after ?? 0) + 1}, although it exists.`;
    throw new HearthError({ kind: "protocol", code: "unexpected_answer", detail });
  }
}
