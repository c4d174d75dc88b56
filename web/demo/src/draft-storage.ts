import type { OutgoingFile } from "hearth-client";

/**
 * The parts of a draft that are kept when the page is closed: its text, the `seq` of the message that it replies to,
 * the edit of a sent message, and the files that are uploaded.
 */
export interface StoredDraft {
  text: string;
  replyTo: number | null;
  edit: { seq: number; text: string } | null;
  files: OutgoingFile[];
}

/**
 * How long a change of a draft may wait before it is stored, in milliseconds. Storing at each key press would slow down
 * typing.
 */
const DELAY_MS = 300;

/**
 * Keeps a user's drafts in `localStorage`. Each thread's draft is an item of its own. So a tab that stores one draft
 * does not overwrite the drafts of other threads, which may have changed in another tab.
 */
export class DraftStorage {
  private readonly prefix: string;
  private readonly changed = new Map<string, StoredDraft | null>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(userId: string) {
    this.prefix = `hearth-draft-${userId}-`;
    addEventListener("pagehide", this.store);
  }

  read(threadId: string): StoredDraft | undefined {
    try {
      const stored: Partial<StoredDraft> | null = JSON.parse(localStorage.getItem(this.prefix + threadId) ?? "null");
      return stored ? { text: "", replyTo: null, edit: null, files: [], ...stored } : undefined;
    } catch {
      return undefined; // the item was not written by this page
    }
  }

  /** Stores a draft within 300 ms; null removes the stored draft. */
  write(threadId: string, draft: StoredDraft | null): void {
    this.changed.set(threadId, draft);
    this.timer ??= setTimeout(this.store, DELAY_MS);
  }

  /** Returns the threads that have a stored draft. */
  threadIds(): string[] {
    this.store();
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(this.prefix));
    return keys.map((key) => key.slice(this.prefix.length));
  }

  /** Stores the changes that are not stored yet, and removes the listener for the closing of the page. */
  close(): void {
    this.store();
    removeEventListener("pagehide", this.store);
  }

  private readonly store = (): void => {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const [threadId, draft] of this.changed) {
      const key = this.prefix + threadId;
      try {
        if (draft) localStorage.setItem(key, JSON.stringify(draft));
        else localStorage.removeItem(key);
      } catch (error) {
        console.warn("The browser's storage is full; the draft is lost when the page is closed:", error);
      }
    }
    this.changed.clear();
  };
}
