import type { Attachment, Message, Quote } from "./types.js";

/** Maximum number of characters of a message's text in a quote. */
const QUOTE_CHARS = 100;
/** Maximum number of copies to keep of messages that are older than the list. */
const MAX_OLDER = 500;

/**
 * A thread's messages: a list that has no gaps, and copies of messages that are not in the list yet. Whatever the source
 * of a copy, the one with the larger `rev` wins. Only `seq` decides when a message enters the list. All copies are whole:
 * a truncated one must be fetched first.
 *
 * Copies outside of the list cannot grow without limit. Those after its end are about to enter it: their messages are
 * known to exist, so they are being fetched. Those before its start matter only to a page, or to a late push of a reply,
 * that was read before the change; so the 500 newest are enough.
 */
export class MessageStore {
  #list: Message[] = [];
  readonly #others = new Map<number, Message>();

  /** The messages in the list, ascending by `seq`. */
  get messages(): readonly Message[] {
    return this.#list;
  }

  /** The `seq` of the last message in the list; 0 if it is empty. */
  get last(): number {
    return this.#list.at(-1)?.seq ?? 0;
  }

  /** Returns the best known copy of a message, in the list or not; undefined if none is held. */
  get(seq: number): Message | undefined {
    return this.#list[seq - this.#first] ?? this.#others.get(seq);
  }

  /** Adds the message that follows the last one. Returns the copy that is in the list. */
  append(message: Message): Message {
    const entered = this.#quoting(this.#merged(message));
    this.#others.delete(message.seq);
    this.#list.push(entered);
    return entered;
  }

  /** Adds the messages before the first one, ascending by `seq`. Returns the copies that are in the list. */
  prepend(messages: readonly Message[]): readonly Message[] {
    const older = messages.map((message) => this.#merged(message));
    for (const { seq } of messages) this.#others.delete(seq);
    this.#list = [...older, ...this.#list];
    for (const [index, message] of older.entries()) this.#list[index] = this.#quoting(message);
    return this.#list.slice(0, older.length);
  }

  /** Takes a copy from any source. It does not enter the list; it replaces an older copy that is held. */
  take(message: Message): void {
    // A copy of a message that was never changed is not newer than the one that will enter the list.
    if (message.rev > 0 || this.get(message.seq) !== undefined) this.#put(this.#merged(message));
  }

  /** Takes a copy that was read just now. It is kept until its message enters the list, and its quote is current. */
  takeCurrent(message: Message): void {
    const merged = this.#merged(message);
    this.#put(merged.rev === message.rev ? withQuote(merged, message.replyTo) : merged);
  }

  /** Forgets the copies before the start of the list: the server is about to be asked for the list again. */
  dropOlder(): void {
    for (const seq of [...this.#others.keys()]) if (seq < this.#first) this.#others.delete(seq);
  }

  /** Changes a file's attachment in all messages that have it. */
  updateAttachment(fileId: string, change: Partial<Attachment>): void {
    const updated = (message: Message): Message => {
      if (!message.attachments.some(({ id }) => id === fileId)) return message;
      const attachments = message.attachments.map((attachment) => {
        return attachment.id === fileId ? { ...attachment, ...change } : attachment;
      });
      return { ...message, attachments };
    };
    this.#list = this.#list.map(updated);
    for (const [seq, message] of this.#others) this.#others.set(seq, updated(message));
  }

  get #first(): number {
    return this.#list[0]?.seq ?? 0;
  }

  #merged(message: Message): Message {
    const held = this.get(message.seq);
    return held === undefined ? message : newer(held, message);
  }

  #put(message: Message): void {
    if (message === this.get(message.seq)) return;
    this.#set(message);
    // Quotes are not part of the revision of their message. Only this message and later ones can quote another one now.
    const later = this.#list.slice(Math.max(0, message.seq - this.#first));
    for (const copy of [...later, ...this.#others.values()]) this.#set(this.#quoting(copy));
    const older = [...this.#others.keys()].filter((seq) => seq < this.#first);
    for (const seq of older.slice(0, -MAX_OLDER)) this.#others.delete(seq);
  }

  #set(message: Message): void {
    const index = message.seq - this.#first;
    if (this.#list[index] === undefined) this.#others.set(message.seq, message);
    else this.#list[index] = message;
  }

  /** Returns the message with a quote of the best known copy of the message that it replies to. */
  #quoting(message: Message): Message {
    const quoted = message.replyTo && this.get(message.replyTo.seq);
    return quoted === undefined ? message : withQuote(message, quoteOf(quoted));
  }
}

/**
 * Returns the copy of a message to keep: the one with the larger `rev`, or `held` if they are the same. A file has one
 * outcome, so an attachment that is `ready` or `failed` in either copy does not return to `pending`.
 */
export function newer(held: Message, other: Message): Message {
  const [kept, dropped] = other.rev > held.rev ? [other, held] : [held, other];
  const attachments = kept.attachments.map((attachment) => {
    const same = dropped.attachments.find(({ id }) => id === attachment.id);
    return attachment.status === "pending" && same !== undefined ? same : attachment;
  });
  return attachments.every((attachment, index) => attachment === kept.attachments[index])
    ? kept
    : { ...kept, attachments };
}

/** Returns a message as its replies show it. */
export function quoteOf({ seq, author, body, deletedAt }: Message): Quote {
  const excerpt = [...body.slice(0, 2 * QUOTE_CHARS)].slice(0, QUOTE_CHARS).join("");
  return { seq, author, excerpt, deleted: deletedAt !== undefined };
}

/** Returns the message with the state of `quote`, if it is a reply. Returns the same object if nothing changes. */
function withQuote(message: Message, quote: Quote | undefined): Message {
  const { replyTo } = message;
  if (replyTo === undefined || quote === undefined) return message;
  const { excerpt, deleted } = quote;
  if (replyTo.excerpt === excerpt && replyTo.deleted === deleted) return message;
  return { ...message, replyTo: { ...replyTo, excerpt, deleted } };
}
