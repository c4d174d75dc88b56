import type {
  Message,
  MessagePreview,
  Thread,
  ThreadDetails,
  ThreadInfo,
  ThreadSettings,
  ThreadSummary,
} from "./types.js";

/** The fields of a thread in the list that are the same for all its members. */
type Overview = Omit<ThreadSummary, "readSeq" | "archived" | "mutedUntil" | "unreadCount">;

/** The fields of a thread that change with a new message, or with a change of the last message. */
type Update = Pick<ThreadSummary, "id" | "lastSeq" | "updatedAt" | "lastMessage">;

/**
 * The known data of a thread. Messages and read marks of a thread may arrive before its title and members are known.
 */
interface Held {
  /** Null until the thread was fetched, or came with `thread:new`. */
  info: Pick<ThreadInfo, "id" | "title" | "memberIds" | "memberNames" | "createdAt"> | null;
  lastSeq: number;
  updatedAt: string;
  lastMessage: MessagePreview | null;
  readSeq: number;
  /** The caller's settings as the server has them. */
  settings: ThreadSettings;
  /** The caller's changes of the settings that are not stored yet. */
  change: Partial<ThreadSettings>;
  /** The thread as snapshots contain it: the same object until something changes. Undefined while `info` is null. */
  summary: ThreadSummary | undefined;
}

/** Maximum number of characters of a preview's body. */
const PREVIEW_CHARS = 200;

/**
 * The threads of the caller that the client knows. All lists and views show the data of this one model. Events and
 * responses may be late or come twice, so the larger `lastSeq`, the larger `rev` of the last message and the larger
 * read mark are kept. Settings have no order: the code that calls `setSettings` decides which settings are current.
 */
export class ThreadModel {
  readonly #threads = new Map<string, Held>();
  readonly #listeners = new Set<(threadId: string) => void>();
  readonly #callerId: () => string | undefined;

  /** `callerId` returns the caller's user ID, or undefined if it is not known yet. */
  constructor(callerId: () => string | undefined) {
    this.#callerId = callerId;
  }

  /** Calls `listener` with the ID of each thread that changes. Returns a function that removes the listener. */
  onChange(listener: (threadId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Returns a thread; undefined until its members and the caller's settings are known. */
  get(threadId: string): ThreadSummary | undefined {
    return this.#threads.get(threadId)?.summary;
  }

  /** Returns the archived threads, or the threads that are not archived, most recently active first. */
  list(archived: boolean): ThreadSummary[] {
    const threads: ThreadSummary[] = [];
    for (const { summary } of this.#threads.values()) if (summary?.archived === archived) threads.push(summary);
    return threads.sort((a, b) => compare(b.updatedAt, a.updatedAt) || compare(b.id, a.id));
  }

  /** Returns the number of unread messages in threads that are neither archived nor muted at `now`. */
  unread(now: number): number {
    let sum = 0;
    for (const { unreadCount, mutedUntil } of this.list(false)) {
      if (mutedUntil === null || Date.parse(mutedUntil) <= now) sum += unreadCount;
    }
    return sum;
  }

  /** Returns when the next mute ends after `now`, in milliseconds since 1970; infinity if no thread is muted. */
  nextUnmute(now: number): number {
    const ends = this.list(false).map(({ mutedUntil }) => Date.parse(mutedUntil ?? ""));
    return Math.min(...ends.filter((end) => end > now));
  }

  /**
   * Returns whether the model lacks a preview of the thread's last message. The thread has at least `lastSeq` messages.
   */
  lacksPreview(threadId: string, lastSeq: number): boolean {
    const held = this.#held(threadId);
    return Math.max(lastSeq, held.lastSeq) > (held.lastMessage?.seq ?? 0);
  }

  /** Takes a thread from the server's list. */
  setSummary(thread: ThreadSummary): void {
    const held = this.#held(thread.id);
    held.settings = { archived: thread.archived, mutedUntil: thread.mutedUntil };
    held.readSeq = Math.max(held.readSeq, thread.readSeq);
    this.setOverview(thread);
  }

  /**
   * Takes the fields of a thread that are the same for all members. Leaves the caller's settings and read mark as held.
   */
  setOverview(thread: Overview): void {
    this.#setInfo(thread);
    this.update(thread);
  }

  /** Takes a fetched thread. Takes its settings only if `settings` is true, or if the thread was not in the model. */
  setDetails(thread: ThreadDetails, settings: boolean): void {
    const held = this.#held(thread.id);
    if (settings || held.info === null) {
      held.settings = { archived: thread.archived, mutedUntil: thread.mutedUntil };
    }
    held.readSeq = Math.max(held.readSeq, thread.readSeq);
    this.#setInfo(thread);
    this.update({ ...thread, lastMessage: null });
  }

  /** Adds a thread that was just created. It has its members' IDs in place of names until it is fetched. */
  addCreated(thread: Thread): void {
    if (this.get(thread.id) !== undefined) return;
    this.setOverview({ ...thread, memberNames: thread.memberIds, lastSeq: 0, lastMessage: null });
  }

  /**
   * Takes the fields of a thread after a message was sent or changed. `lastMessage` is null if it is not known. If the
   * caller wrote the last message, the caller has read it, also if the server has not moved the read mark yet.
   */
  update({ id, lastSeq, updatedAt, lastMessage }: Update): void {
    const held = this.#held(id);
    if (lastMessage?.author.id === this.#callerId()) held.readSeq = Math.max(held.readSeq, lastMessage?.seq ?? 0);
    if (lastSeq >= held.lastSeq) Object.assign(held, { lastSeq, updatedAt });
    if (lastMessage !== null && !isNewer(held.lastMessage, lastMessage)) held.lastMessage = lastMessage;
    this.#changed(id, held);
  }

  message(message: Message): void {
    const { threadId: id, seq, createdAt } = message;
    this.update({ id, lastSeq: seq, updatedAt: createdAt, lastMessage: previewOf(message) });
  }

  /** Moves the caller's read mark forward. */
  read(threadId: string, seq: number): void {
    const held = this.#held(threadId);
    held.readSeq = Math.max(held.readSeq, seq);
    this.#changed(threadId, held);
  }

  /** Replaces the caller's settings by those that the server has. */
  setSettings(threadId: string, { archived, mutedUntil }: ThreadSettings): void {
    const held = this.#held(threadId);
    held.settings = { archived, mutedUntil };
    this.#changed(threadId, held);
  }

  /**
   * Replaces the caller's changes of settings that the server has not stored yet. Snapshots show the changed settings.
   */
  setUnstored(threadId: string, change: Partial<ThreadSettings>): void {
    const held = this.#held(threadId);
    held.change = change;
    this.#changed(threadId, held);
  }

  #held(threadId: string): Held {
    let held = this.#threads.get(threadId);
    if (held === undefined) {
      const settings = { archived: false, mutedUntil: null };
      const none = { info: null, lastMessage: null, summary: undefined };
      held = { ...none, lastSeq: 0, updatedAt: "", readSeq: 0, settings, change: {} };
      this.#threads.set(threadId, held);
    }
    return held;
  }

  #setInfo({ id, title, memberIds, memberNames, createdAt }: NonNullable<Held["info"]>): void {
    this.#held(id).info = { id, title, memberIds, memberNames, createdAt };
  }

  #changed(threadId: string, held: Held): void {
    if (held.info === null) return;
    const { info, lastSeq, updatedAt, lastMessage, readSeq, settings, change } = held;
    const unreadCount = Math.max(0, lastSeq - readSeq);
    const next = { ...info, updatedAt, lastSeq, lastMessage, readSeq, unreadCount, ...settings, ...change };
    if (JSON.stringify(next) === JSON.stringify(held.summary)) return;
    held.summary = next;
    for (const listener of [...this.#listeners]) listener(threadId);
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Returns whether `held` is a preview of a later message than `other`, or of a later revision of the same message. */
function isNewer(held: MessagePreview | null, other: MessagePreview): boolean {
  return held !== null && (held.seq > other.seq || (held.seq === other.seq && (held.rev ?? 0) > (other.rev ?? 0)));
}

/** Returns the preview of a message, as the server's list of threads contains it. */
function previewOf(message: Message): MessagePreview {
  const { id, threadId, seq, rev, body, author, attachments, createdAt, deletedAt } = message;
  const start = [...body.slice(0, 2 * PREVIEW_CHARS)].slice(0, PREVIEW_CHARS).join("");
  return {
    id,
    threadId,
    seq,
    rev,
    body: start,
    ...(start === body ? {} : { truncated: true }),
    author,
    attachments: attachments.map(({ id, name, mimetype }) => ({ id, name, mimetype })),
    createdAt,
    ...(deletedAt === undefined ? {} : { deletedAt }),
  };
}
