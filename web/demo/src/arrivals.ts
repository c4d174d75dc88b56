import type { ThreadSummary } from "hearth-client";
import { isMuted } from "./mute.ts";

/** Finds new messages of others in the successive states of the list of threads. */
export class Arrivals {
  readonly #userId: string;
  /** Time of the latest activity in the list of threads when it was first loaded, by the server's clock. */
  #since: string | undefined;
  /** The `seq` of each thread's last message when the list last changed, by thread ID. 0 for an empty thread. */
  #seqs = new Map<string, number>();

  constructor(userId: string) {
    this.#userId = userId;
  }

  /** Takes the loaded list as it is now. Returns the threads with a new last message to tell the user about. */
  update(threads: readonly ThreadSummary[]): ThreadSummary[] {
    const since = this.#since ?? latestActivity(threads);
    const arrived = this.#since === undefined ? [] : threads.filter((thread) => this.#hasArrived(thread, since));
    this.#since = since;
    this.#seqs = new Map(threads.map(({ id, lastMessage }) => [id, lastMessage?.seq ?? 0]));
    return arrived;
  }

  /**
   * Returns whether a thread's last message is new, from somebody else, and the thread is not muted. A thread that was
   * not in the list before may be an older one, of which the list has just been loaded, or that was archived. Then its
   * message is new only if it was sent after `since` and is unread.
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
