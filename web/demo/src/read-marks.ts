import type { Message, Store, ThreadSummary } from "hearth-client";

type Marks = Readonly<Record<string, number>>;

/**
 * Up to which `seq` the user has read each thread. Hearth does not keep that; this page does, in the browser.
 */
export class ReadMarks implements Store<Marks> {
  private readonly key: string;
  private marks: Marks;
  private known: boolean;
  private readonly listeners = new Set<() => void>();

  constructor(userId: string) {
    this.key = `hearth-read-${userId}`;
    const kept = localStorage.getItem(this.key);
    this.known = kept !== null;
    this.marks = kept ? JSON.parse(kept) : {};
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getSnapshot = (): Marks => this.marks;

  /** In a browser that is new to the user, what is there already counts as read. */
  begin(threads: readonly ThreadSummary[]): void {
    if (this.known) return;
    this.known = true;
    this.keep(Object.fromEntries(threads.map((thread) => [thread.id, thread.lastMessage?.seq ?? 0])));
  }

  read(threadId: string, seq: number): void {
    if (seq > (this.marks[threadId] ?? 0)) this.keep({ ...this.marks, [threadId]: seq });
  }

  private keep(marks: Marks): void {
    this.marks = marks;
    localStorage.setItem(this.key, JSON.stringify(marks));
    for (const listener of this.listeners) listener();
  }
}

export function unreadOf(thread: { id: string; lastMessage: Message | null }, marks: Marks, userId: string): number {
  const last = thread.lastMessage;
  if (!last || last.author.id === userId) return 0;
  return Math.max(0, last.seq - (marks[thread.id] ?? 0));
}
