import type { Message, MessagePreview, ReadMark, ThreadDetails, ThreadSummary } from "../../src/index.js";

export interface StoredMessage {
  message: Message;
  fileIds: string[];
}

/** The state of a member in a thread. */
interface Member {
  readSeq: number;
  archived: boolean;
  mutedUntil: string | null;
}

const MAX_PREVIEW = 200;

/** A thread on the server, with its messages and its members' states. */
export class StoredThread {
  readonly id: string;
  readonly memberIds: string[];
  readonly messages: StoredMessage[] = [];
  readonly members: Map<string, Member>;
  readonly createdAt: string;
  readonly #present: (stored: StoredMessage) => Message;
  /** The last `seq` that the list and `GET` of the thread show: the real server projects messages with a delay. */
  projected = 0;

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

  /** The thread as `thread:new` shows it. */
  overview() {
    const { id, memberIds, createdAt, projected } = this;
    const stored = this.messages[projected - 1];
    const last = stored === undefined ? undefined : this.#present(stored);
    return {
      id,
      title: id,
      memberIds,
      memberNames: memberIds.map(nameOf),
      createdAt,
      updatedAt: last?.createdAt ?? createdAt,
      lastSeq: projected,
      lastMessage: last === undefined ? null : previewOf(last),
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

function previewOf({ id, threadId, seq, rev, body, author, attachments, createdAt }: Message): MessagePreview {
  const start = body.slice(0, MAX_PREVIEW);
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
  };
}

/** Returns the name of a user, which differs from the ID. */
export function nameOf(user: string): string {
  return user.toUpperCase();
}
