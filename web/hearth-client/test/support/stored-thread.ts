import type { Message, MessagePreview, ReadMark, ThreadDetails, ThreadSummary } from "../../src/index.js";
import { previewOf, type StoredMessage } from "./stored-messages.js";

/** The state of a member in a thread. */
interface Member {
  readSeq: number;
  archived: boolean;
  mutedUntil: string | null;
}

/** A thread on the server, with its messages and its members' states. */
export class StoredThread {
  readonly id: string;
  readonly memberIds: string[];
  readonly messages: StoredMessage[] = [];
  /** The `seq` of the message that each revision changed: the first element is that of revision 1. */
  readonly changes: number[] = [];
  readonly members: Map<string, Member>;
  readonly createdAt: string;
  readonly #present: (stored: StoredMessage) => Message;
  /** The last message as the list and `GET` of the thread show it: the real server projects messages with a delay. */
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

  /** Projects the message `seq`, unless a later one, or a later revision of it, is projected. */
  project(seq: number): void {
    const stored = this.messages[seq - 1];
    const before = this.projected ?? { seq: 0, rev: 0 };
    if (stored === undefined || seq < before.seq) return;
    if (seq > before.seq || stored.message.rev > before.rev) this.projected = previewOf(this.#present(stored));
  }

  /** The thread as `thread:new` shows it. */
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

  /** The thread in a user's list. */
  summary(user: string): ThreadSummary {
    const { lastMessage, ...overview } = this.overview();
    const member = this.member(user);
    return { ...overview, lastMessage, ...member, unreadCount: Math.max(0, overview.lastSeq - member.readSeq) };
  }

  /** The thread as `GET` of the thread shows it. `shares` tells who shares read receipts. */
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
