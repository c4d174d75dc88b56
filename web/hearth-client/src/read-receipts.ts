import type { ReadMark } from "./types.js";

/** How far each member of a thread who shares read receipts has read. */
export class ReadReceipts {
  /** The largest known mark of each member who shares receipts, by user ID. */
  readonly #marks = new Map<string, number>();
  /** The `seq` of the last loaded message of each member, by user ID. A member has read what they wrote. */
  readonly #wrote = new Map<string, number>();

  /**
   * Takes the marks of all members who share receipts, from the server. Keeps a held mark that is larger than the
   * server's.
   */
  replace(marks: readonly ReadMark[]): void {
    const before = new Map(this.#marks);
    this.#marks.clear();
    for (const { userId, seq } of marks) this.#marks.set(userId, Math.max(seq, before.get(userId) ?? 0));
  }

  /**
   * Takes a member's mark from an event. Keeps the larger mark, because the event may be late, and marks never move
   * back.
   */
  read(userId: string, seq: number): void {
    this.#marks.set(userId, Math.max(seq, this.#marks.get(userId) ?? 0));
  }

  /** Takes the author and the `seq` of a message. */
  wrote(userId: string, seq: number): void {
    this.#wrote.set(userId, Math.max(seq, this.#wrote.get(userId) ?? 0));
  }

  /** Returns the marks of all members who share receipts. The caller's own mark is at least `ownSeq`. */
  marks(callerId: string | undefined, ownSeq: number): ReadMark[] {
    return [...this.#marks].map(([userId, seq]) => {
      return { userId, seq: Math.max(seq, this.#wrote.get(userId) ?? 0, userId === callerId ? ownSeq : 0) };
    });
  }
}
