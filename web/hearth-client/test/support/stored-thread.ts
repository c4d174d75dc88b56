import type { Message, MessagePreview, ReadMark, ThreadDetails, ThreadSummary } from "../../src/index.js";
import { previewOf, type StoredMessage } from "./stored-messages.js";

/** The read mark and the settings of a member in a thread. */
interface Member {
  readSeq: number;
  archived: boolean;
  mutedUntil: string | null;
}

/** A thread on the fake server, with its messages, and the read marks and settings of its members. */
export class StoredThread {
  readonly id: string;
  readonly memberIds: string[];
  readonly messages: StoredMessage[] = [];
  /** The `seq` of the message that each revision changed. The first element is the `seq` of revision 1's message. */
  readonly changes: number[] = [];
  readonly members: Map<string, Member>;
  readonly createdAt: string;
  readonly #present: (stored: StoredMessage) => Message;
  /**
   * The preview of the last message in the list of threads, and the source of `lastSeq`. Null if no message is
   * projected: like the real server, `FakeStream` projects a message some time after it is committed.
   */
  projected: MessagePreview | null = null;

  /** `present` returns a message as responses contain it. */
  constructor(id: string, memberIds: string[], createdAt: string, present: (stored: StoredMessage) => Message) {
    this.#present = present;
    this.id = id;
    this.memberIds = memberIds;
    this.createdAt = createdAt;
    this.members = new Map(memberIds.map((user) => [user, { readSeq: 0, archived: false, mutedUntil: null }]));
  }

  member(user: string): Member {
    const member = this.members.get(user);
    if (member === undefined) throw new Error(`The test uses a user who is not a member: ${user}`);
    return member;
  }

  /** Moves a read mark forward. Returns whether it has moved. */
  read(user: string, seq: number): boolean {
    const member = this.member(user);
    if (seq <= member.readSeq) return false;
    member.readSeq = seq;
    return true;
  }

  /**
   * Projects the message `seq`, unless a later message, or a later revision of the same message, is projected already.
   */
  project(seq: number): void {
    const stored = this.messages[seq - 1];
    const before = this.projected ?? { seq: 0, rev: 0 };
    if (stored === undefined || seq < before.seq) return;
    if (seq > before.seq || stored.message.rev > before.rev) this.projected = previewOf(this.#present(stored));
  }

  /** Returns the thread as a `thread:new` event contains it. */
  overview() {
    const { id, memberIds, createdAt, projected } = this;
    return {
      id,
      title: id,
      memberIds,
      memberNames: memberIds.map(nameOf),
      createdAt,
      updatedAt: projected?.createdAt ?? createdAt,
      lastSeq: projected?.seq ?? 0,
      lastMessage: projected,
    };
  }

  /** Returns the thread as a user's list contains it. */
  summary(user: string): ThreadSummary {
    const { lastMessage, ...overview } = this.overview();
    const member = this.member(user);
    return { ...overview, lastMessage, ...member, unreadCount: Math.max(0, overview.lastSeq - member.readSeq) };
  }

  /**
   * Returns the thread as the answer to `GET` of the thread contains it. `shares` tells whether a user shares receipts.
   */
  details(user: string, shares: (user: string) => boolean): ThreadDetails {
    const { lastMessage: _, ...overview } = this.overview();
    return { ...overview, ...this.member(user), reads: this.reads(shares) };
  }

  reads(shares: (user: string) => boolean): ReadMark[] {
    const members = [...this.members].filter(([user]) => shares(user));
    return members.map(([userId, { readSeq: seq }]) => ({ userId, seq }));
  }
}

/** Returns the name of a user, which differs from the ID. */
export function nameOf(user: string): string {
  return user.toUpperCase();
}
