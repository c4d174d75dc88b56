import type { Message, Store, ThreadSummary } from "hearth-client";

/** The `seq` up to which each thread is read. */
type Marks = Readonly<Record<string, number>>;

interface Kept {
  /** When this browser came to know the user, by the server's clock: what was said until then counts as read. */
  readonly since: string;
  readonly marks: Marks;
}

/**
 * Up to which `seq` the user has read each thread. Hearth does not keep that; this page does, in the browser.
 */
export class ReadMarks implements Store<Marks> {
  private readonly key: string;
  private kept: Kept | undefined;
  private readonly listeners = new Set<() => void>();

  constructor(userId: string) {
    this.key = `hearth-read-${userId}`;
    this.kept = parse(localStorage.getItem(this.key));
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getSnapshot = (): Marks => this.kept?.marks ?? NONE;

  /** Marks threads that are seen for the first time, as far as they are older than this browser's time with the user. */
  see(threads: readonly ThreadSummary[]): void {
    const { since, marks } = this.kept ?? { since: newest(threads), marks: NONE };
    const found: Record<string, number> = {};
    for (const { id, createdAt, lastMessage } of threads) {
      if (!lastMessage || marks[id] !== undefined) continue;
      if (lastMessage.createdAt <= since) found[id] = lastMessage.seq;
      // The newest one at least has not been read; the page does not know of those before it.
      else if (createdAt <= since) found[id] = lastMessage.seq - 1;
    }
    if (!this.kept || Object.keys(found).length > 0) this.keep({ since, marks: { ...marks, ...found } });
  }

  read(threadId: string, seq: number): void {
    if (!this.kept || seq <= (this.kept.marks[threadId] ?? 0)) return;
    this.keep({ ...this.kept, marks: { ...this.kept.marks, [threadId]: seq } });
  }

  private keep(kept: Kept): void {
    this.kept = kept;
    try {
      localStorage.setItem(this.key, JSON.stringify(kept));
    } catch (error) {
      console.warn("What has been read is not kept over a reload:", error);
    }
    for (const listener of this.listeners) listener();
  }
}

const NONE: Marks = {};

/** The newest moment that a list of threads tells of. */
export function newest(threads: readonly ThreadSummary[]): string {
  const moments = threads.map(({ updatedAt }) => updatedAt);
  return moments.sort().at(-1) ?? "";
}

/** Anything else than what was kept, such as what another page wrote there, counts as nothing. */
function parse(text: string | null): Kept | undefined {
  try {
    const { since, marks } = JSON.parse(text ?? "{}");
    const sound = typeof since === "string" && Object.values(marks).every((seq) => typeof seq === "number");
    return sound ? { since, marks } : undefined;
  } catch {
    return undefined;
  }
}

export function unreadOf(thread: { id: string; lastMessage: Message | null }, marks: Marks, userId: string): number {
  const last = thread.lastMessage;
  if (!last || last.author.id === userId) return 0;
  return Math.max(0, last.seq - (marks[thread.id] ?? 0));
}
