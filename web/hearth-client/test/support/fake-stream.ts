import type { Message } from "../../src/index.js";
import type { FakeServer } from "./fake-server.js";
import type { FakeSocket } from "./fake-socket.js";
import type { ChangeKind } from "./stored-messages.js";
import type { StoredThread } from "./stored-thread.js";

/**
 * Maximum number of characters in the body of a pushed message. A longer message is pushed without its body, as
 * `truncated`. The real server limits the frame instead, to 32 KB.
 */
export const MAX_PUSHED_BODY = 2_000;

/** Messages of one thread that are announced to inboxes together. */
interface Batch {
  /** The last `seq` of each author, by user ID. */
  authors: Map<string, number>;
  /** The sockets that have received `message:new` for all messages. */
  told: Set<FakeSocket>;
}

/**
 * A fake of the function chat-stream. 0.1 to 1 second after a change, it updates the thread's projection, and pushes
 * events to threads and inboxes. The data of a late event is read when the event is sent.
 */
export class FakeStream {
  readonly #server: FakeServer;
  readonly #batches = new Map<string, Batch>();

  constructor(server: FakeServer) {
    this.#server = server;
  }

  /**
   * Announces a message to the inboxes of its thread's members, together with other messages of the next moment. `told`
   * are the sockets to which `message:new` was pushed in time.
   */
  committed(thread: StoredThread, { seq, author }: Message, told: ReadonlySet<FakeSocket>): void {
    const batch = this.#batches.get(thread.id);
    if (batch === undefined) {
      this.#batches.set(thread.id, { authors: new Map([[author.id, seq]]), told: new Set(told) });
      this.#soon(() => this.#announce(thread));
    } else {
      batch.authors.set(author.id, seq);
      for (const socket of batch.told) if (!told.has(socket)) batch.told.delete(socket);
    }
  }

  /**
   * Pushes a change of a message to the thread's subscribers. If the text of the thread's last message has changed,
   * pushes its preview to the inboxes of the members.
   */
  changed(thread: StoredThread, seq: number, rev: number, kind: ChangeKind): void {
    const { random, backend, faults, sockets } = this.#server;
    const event = () => {
      const message = backend.messages(thread.id)[seq - 1];
      if (message === undefined) throw new Error("A message that does not exist was changed.");
      return { event: "message:changed", data: { threadId: thread.id, rev, ...shownInFrame(message) } };
    };
    this.#soon(() => {
      if (kind !== "react" && seq === thread.projected?.seq) {
        thread.project(seq);
        this.#pushToInboxes(thread.memberIds, () => updated(thread, []));
      }
      // At random, a late push contains the message as it is when the push is sent, or when the change was read.
      const read = event();
      const current = random.chance(0.5);
      for (const socket of sockets) {
        if (!random.chance(faults.changeLost)) socket.push(`thread:${thread.id}`, current ? event : () => read);
      }
    });
  }

  created(thread: StoredThread): void {
    const { random } = this.#server;
    const large = random.chance(0.2);
    const event = () => {
      const shown = large ? { id: thread.id, truncated: true } : thread.overview();
      return { event: "thread:new", data: { thread: shown } };
    };
    this.#soon(() => this.#pushToInboxes(thread.memberIds, event));
  }

  memberChanged(thread: StoredThread, user: string, what: "read" | "settings"): void {
    this.#soon(() => {
      if (what === "settings") {
        const event = () => {
          const { archived, mutedUntil } = thread.member(user);
          return { event: "thread:settings", data: { threadId: thread.id, archived, mutedUntil } };
        };
        return this.#pushToInboxes([user], event);
      }
      const shared = this.#server.backend.shares(user);
      const event = () => {
        return { event: "read:updated", data: { threadId: thread.id, userId: user, seq: thread.member(user).readSeq } };
      };
      for (const socket of this.#server.sockets) {
        if (socket.user === user) socket.push(`user:${user}`, event);
        else if (shared) socket.push(`thread:${thread.id}`, event);
      }
    });
  }

  #announce(thread: StoredThread): void {
    const batch = this.#batches.get(thread.id);
    if (batch === undefined) return;
    this.#batches.delete(thread.id);
    thread.project(Math.max(...batch.authors.values()));
    for (const [author, seq] of batch.authors) thread.read(author, seq);
    const sent = [...batch.authors].map(([userId, seq]) => ({ userId, seq }));
    this.#pushToInboxes(thread.memberIds, () => updated(thread, sent), batch.told);
  }

  #pushToInboxes(users: readonly string[], event: () => object, except: ReadonlySet<FakeSocket> = new Set()): void {
    for (const socket of this.#server.sockets) {
      if (users.includes(socket.user) && !except.has(socket)) socket.push("inbox", event);
    }
  }

  #soon(callback: () => void): void {
    this.#server.after(this.#server.random.int(100, 1_000), callback);
  }
}

function updated(thread: StoredThread, sent: { userId: string; seq: number }[]): object {
  const { id, lastSeq, updatedAt, lastMessage } = thread.overview();
  return { event: "thread:updated", data: { thread: { id, lastSeq, updatedAt, lastMessage }, sent } };
}

/** Returns a message as frames contain it: without body, attachments, reactions and quote if its body is too long. */
export function shownInFrame(message: Message): { message: Message; truncated?: true } {
  if (message.body.length <= MAX_PUSHED_BODY) return { message };
  const { replyTo: _, ...small } = message;
  return { message: { ...small, body: "", attachments: [], reactions: [] }, truncated: true };
}
