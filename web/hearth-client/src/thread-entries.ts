import { withChange } from "./message-changes.js";
import type { MessageStore } from "./message-store.js";
import { mayBe, outboxEntry } from "./outbox-entry.js";
import type { OutboxItem } from "./outbox-item.js";
import type { Message, MessageChange, ThreadEntry, UploadProgress } from "./types.js";

/** The values from which the entry of a committed message is made, apart from the message. */
interface Parts {
  key: string;
  userId: string | undefined;
  changes: readonly OutboxItem[];
}

export interface EntriesInput {
  store: MessageStore;
  /** The thread's outbox items, in the order of sending. */
  items: readonly OutboxItem[];
  /** Whether the newest messages are loaded. */
  loaded: boolean;
  callerId: string | undefined;
  /** Returns the progress of an outbox item's uploads; null if it has none. */
  uploadProgress: (key: string) => UploadProgress | null;
  /** Until when the server refuses messages, in milliseconds since 1970; null if it accepts them. */
  refusedUntil: number | null;
}

const NO_CHANGES: readonly OutboxItem[] = [];

/**
 * Makes a thread's entries from its messages and the outbox. Changes that the server has not stored are applied to the
 * entries only, never to the store's messages, so a change that is refused or dropped leaves nothing behind.
 */
export class ThreadEntries {
  /** The outbox keys of messages that this client sent, by message ID. */
  readonly #keyByMessage = new Map<string, string>();
  /**
   * For each outbox item, by its key: the last loaded `seq` when the item was added. A message with a smaller or equal
   * `seq` cannot be the item's.
   */
  readonly #seqAtSend = new Map<string, number>();
  /**
   * The `seq` of each committed message of this client that is not in the list yet, because earlier messages are
   * missing.
   */
  readonly #early = new Set<number>();
  /**
   * The result of `#matchOutbox` for the last snapshot: keys of outbox items, by the ID of the message that each
   * matched.
   */
  #matches = new Map<string, string>();
  readonly #made = new WeakMap<Message, Parts & { entry: ThreadEntry }>();

  /** Records that a message was added to the outbox while `last` was the last loaded `seq`. */
  added(key: string, last: number): void {
    this.#seqAtSend.set(key, last);
  }

  /** Records that an outbox item was committed. */
  committed(key: string, { id, seq }: Message): void {
    this.#keyByMessage.set(id, key);
    this.#seqAtSend.delete(key);
    this.#early.add(seq);
  }

  /**
   * Returns the entries: first the messages in the store's list, then committed messages of this client that are not in
   * the list yet, then messages in the outbox.
   */
  make(input: EntriesInput): ThreadEntry[] {
    const { store, items, loaded, callerId, refusedUntil } = input;
    const outgoing = items.filter(({ change }) => change === null);
    const matches = this.#matchOutbox(store.messages, outgoing, callerId);
    const changes = new Map<number, OutboxItem[]>();
    for (const item of items) {
      if (item.change !== null) changes.set(item.change.seq, [...(changes.get(item.change.seq) ?? []), item]);
    }
    const entries = [...store.messages, ...(loaded ? this.#earlyMessages(store) : [])].map((message) => {
      const key = this.#keyByMessage.get(message.id) ?? matches.get(message.id) ?? message.id;
      return this.#entry(message, { key, userId: callerId, changes: changes.get(message.seq) ?? NO_CHANGES });
    });
    const hidden = new Set(matches.values());
    for (const item of outgoing) {
      const quoted = item.replyTo === null ? undefined : store.get(item.replyTo);
      const upload = input.uploadProgress(item.key);
      if (!hidden.has(item.key)) entries.push(outboxEntry(item, quoted, upload, refusedUntil));
    }
    return entries;
  }

  #earlyMessages(store: MessageStore): Message[] {
    for (const seq of this.#early) if (seq <= store.last) this.#early.delete(seq);
    const seqs = [...this.#early].sort((a, b) => a - b);
    return seqs.flatMap((seq) => store.get(seq) ?? []);
  }

  /**
   * Finds committed messages that look like outbox items, and returns the items' keys by message ID. A message's push
   * may arrive before the response to the request that sent it, or the response may be lost. The message is then shown
   * once, as sent. The match is a guess, which is repeated for each snapshot until the response arrives. A match stays
   * when the message is edited or deleted: otherwise the outbox item would be shown again, with the old text.
   */
  #matchOutbox(
    messages: readonly Message[],
    items: readonly OutboxItem[],
    callerId: string | undefined,
  ): Map<string, string> {
    const matches = new Map<string, string>();
    for (const item of items) {
      if (item.triedAt === null || item.failed) continue;
      const after = this.#seqAtSend.get(item.key);
      const match = messages.find((message) => {
        const free = !this.#keyByMessage.has(message.id) && !matches.has(message.id);
        const mine = callerId === undefined || message.author.id === callerId;
        return free && mine && (this.#matches.get(message.id) === item.key || mayBe(message, item, after));
      });
      if (match !== undefined) matches.set(match.id, item.key);
    }
    this.#matches = matches;
    return matches;
  }

  /** Returns the entry of a committed message: the same object as long as the message and `parts` are the same. */
  #entry(stored: Message, parts: Parts): ThreadEntry {
    const made = this.#made.get(stored);
    if (made !== undefined && isSame(made, parts)) return made.entry;
    const { key, userId, changes } = parts;
    let message = stored;
    for (const { change, failed, createdAt } of changes) {
      if (change !== null && !failed) message = withChange(message, change, userId, createdAt);
    }
    const { body, attachments, createdAt, replyTo = null } = message;
    const sent = { state: "sent", error: null, nextTryAt: null, upload: null, maybeSent: false } as const;
    const entry = { key, body, attachments, createdAt, message, ...sent, replyTo, changes: changes.flatMap(shown) };
    this.#made.set(stored, { ...parts, entry });
    return entry;
  }
}

function isSame(a: Parts, b: Parts): boolean {
  const sameChanges = a.changes.length === b.changes.length && a.changes.every((item, n) => item === b.changes[n]);
  return a.key === b.key && a.userId === b.userId && sameChanges;
}

function shown({ key, change, failed, error }: OutboxItem): MessageChange[] {
  if (change === null) return [];
  const { kind, body, emoji } = change;
  return [{ key, kind, body, emoji, state: failed ? "failed" : "sending", error }];
}
