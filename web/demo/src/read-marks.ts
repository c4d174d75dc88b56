import type { Message, Store, ThreadSummary } from "hearth-client";

/** Read marks by thread ID: the `seq` of the last message that the user has read. */
type Marks = Readonly<Record<string, number>>;

interface Stored {
  /** When the user first opened the page in this browser, by the server's clock. Earlier messages count as read. */
  readonly since: string;
  readonly marks: Marks;
}

/**
 * The user's read marks. The server does not store them, so the page stores them in the browser's `localStorage`.
 */
export class ReadMarks implements Store<Marks> {
  private readonly key: string;
  private stored: Stored | undefined;
  private readonly listeners = new Set<() => void>();

  constructor(userId: string) {
    this.key = `hearth-read-${userId}`;
    this.stored = parse(localStorage.getItem(this.key));
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getSnapshot = (): Marks => this.stored?.marks ?? NONE;

  /** Adds read marks for threads that have none and were created before the user's first visit. */
  addThreads(threads: readonly ThreadSummary[]): void {
    const { since, marks } = this.stored ?? { since: latestActivity(threads), marks: NONE };
    const added: Record<string, number> = {};
    for (const { id, createdAt, lastMessage } of threads) {
      if (!lastMessage || marks[id] !== undefined) continue;
      if (lastMessage.createdAt <= since) added[id] = lastMessage.seq;
      // Only the last message is known to be unread. Earlier ones may be from before the first visit.
      else if (createdAt <= since) added[id] = lastMessage.seq - 1;
    }
    if (!this.stored || Object.keys(added).length > 0) this.store({ since, marks: { ...marks, ...added } });
  }

  /** Marks a thread as read up to the message with this `seq`. A read mark never moves back. */
  markRead(threadId: string, seq: number): void {
    if (!this.stored || seq <= (this.stored.marks[threadId] ?? 0)) return;
    this.store({ ...this.stored, marks: { ...this.stored.marks, [threadId]: seq } });
  }

  private store(stored: Stored): void {
    this.stored = stored;
    try {
      localStorage.setItem(this.key, JSON.stringify(stored));
    } catch (error) {
      console.warn("The read marks could not be stored; after a reload, read messages show as unread:", error);
    }
    for (const listener of this.listeners) listener();
  }
}

const NONE: Marks = {};

/** Returns the time of the latest activity in these threads, or "" if there are none. */
export function latestActivity(threads: readonly ThreadSummary[]): string {
  const times = threads.map(({ updatedAt }) => updatedAt);
  return times.sort().at(-1) ?? "";
}

/** Parses stored read marks. Returns `undefined` if they are invalid: other pages can write to the same storage. */
function parse(text: string | null): Stored | undefined {
  try {
    const { since, marks } = JSON.parse(text ?? "{}");
    const valid = typeof since === "string" && Object.values(marks).every((seq) => typeof seq === "number");
    return valid ? { since, marks } : undefined;
  } catch {
    return undefined;
  }
}

/** Returns how many messages of a thread are unread. 0 if the user wrote the last message. */
export function unreadCount(thread: { id: string; lastMessage: Message | null }, marks: Marks, userId: string): number {
  const last = thread.lastMessage;
  if (!last || last.author.id === userId) return 0;
  return Math.max(0, last.seq - (marks[thread.id] ?? 0));
}
