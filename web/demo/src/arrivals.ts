import type { ThreadSummary } from "hearth-client";
import { isMuted } from "./mute.ts";

/** Compares each state of the list of threads with the previous one, to find new messages of others. */
export class Arrivals {
  readonly #userId: string;
  /** Time of the latest activity in the list of threads when it was first loaded, by the server's clock. */
  #since: string | undefined;
  /** The `seq` of each thread's last message when the list last changed, by thread ID. 0 for an empty thread. */
  #seqs = new Map<string, number>();

  constructor(userId: string) {
    this.#userId = userId;
  }

  /**
   * Takes the current state of the list. Returns the threads whose last message the user must be told about: the
   * message is new since the previous call. The first call returns none.
   */
  update(threads: readonly ThreadSummary[]): ThreadSummary[] {
    const since = this.#since ?? latestActivity(threads);
    const arrived = this.#since === undefined ? [] : threads.filter((thread) => this.#hasArrived(thread, since));
    this.#since = since;
    this.#seqs = new Map(threads.map(({ id, lastMessage }) => [id, lastMessage?.seq ?? 0]));
    return arrived;
  }

  /**
   * Returns whether a thread's last message is new and from somebody else, and the thread is not muted. A thread that
   * was not in the list at the previous call may be an old one: its page of the list has just been loaded, or it was
   * archived until now. The last message of such a thread counts as new only if it was sent after `since` and is
   * unread.
   */
  #hasArrived(thread: ThreadSummary, since: string): boolean {
    const { id, lastMessage, unreadCount } = thread;
    if (lastMessage === null || lastMessage.author.id === this.#userId || isMuted(thread)) return false;
    const seq = this.#seqs.get(id);
    return seq === undefined ? lastMessage.createdAt > since && unreadCount > 0 : lastMessage.seq > seq;
  }
}

/** Returns the time of the latest activity in these threads, or "" if there are none. */
function latestActivity(threads: readonly ThreadSummary[]): string {
  const times = threads.map(({ updatedAt }) => updatedAt);
  return times.sort().at(-1) ?? "";
}
