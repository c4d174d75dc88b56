import type { Message, Store, ThreadView } from "hearth-client";

/** How long the user can undo the deletion of a message, in milliseconds. */
const UNDO_MS = 5_000;

/**
 * Deletions of messages that the user can still undo. Each is sent after 5 seconds. It is sent earlier if the user
 * leaves the conversation, hides or closes the page, or signs out. The snapshot contains the IDs of the messages.
 */
export class Deletions implements Store<ReadonlySet<string>> {
  private readonly waiting = new Map<string, { timer: ReturnType<typeof setTimeout>; send(): void }>();
  private readonly listeners = new Set<() => void>();
  private ids: ReadonlySet<string> = new Set();

  constructor() {
    document.addEventListener("visibilitychange", this.pageChanged);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getSnapshot = (): ReadonlySet<string> => this.ids;

  start(view: ThreadView, { id, seq }: Message): void {
    this.undo(id);
    const send = () => {
      if (this.undo(id)) view.remove(seq);
    };
    this.waiting.set(id, { timer: setTimeout(send, UNDO_MS), send });
    this.changed();
  }

  /**
   * Cancels the deletion of the message with this ID. Returns false if the deletion was sent already, or never started.
   */
  undo(id: string): boolean {
    clearTimeout(this.waiting.get(id)?.timer);
    const found = this.waiting.delete(id);
    this.changed();
    return found;
  }

  /** Sends all deletions now. */
  sendAll(): void {
    for (const { send } of [...this.waiting.values()]) send();
  }

  close(): void {
    this.sendAll();
    document.removeEventListener("visibilitychange", this.pageChanged);
  }

  // The browser reports a page as hidden before it closes the page, so this also sends the deletions of a closed page.
  private readonly pageChanged = () => {
    if (document.visibilityState === "hidden") this.sendAll();
  };

  private changed(): void {
    this.ids = new Set(this.waiting.keys());
    for (const listener of this.listeners) listener();
  }
}
