import type { Attachment, Message, Quote } from "./types.js";

/** Maximum number of characters of a message's text in a quote. */
const QUOTE_CHARS = 100;
/** Maximum number of copies to keep of messages that are older than the first message of the list. */
const MAX_OLDER = 500;

/**
 * A thread's messages: a list without gaps, and copies of messages that are not in the list yet. Of two copies of a
 * message, the one with the larger `rev` is kept. A message enters the list only next to a message in the list, by
 * `append` or `prepend`. All copies are complete: a truncated message must be fetched first.
 *
 * The number of copies outside of the list is limited. A copy after the end of the list enters the list soon, because
 * the messages between are being fetched. A copy before the start of the list is needed only if a page of older
 * messages, or a late push of a reply that quotes the message, was read from the database before the message was
 * changed. So the store keeps only the 500 of these copies that were added last.
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

  /** Returns the latest known copy of a message, in the list or outside of it; undefined if there is no copy. */
  get(seq: number): Message | undefined {
    return this.#list[seq - this.#first] ?? this.#others.get(seq);
  }

  /**
   * Adds the message that follows the last one to the list. Returns the latest known copy of it, which is now in the
   * list.
   */
  append(message: Message): Message {
    const entered = this.#quoting(this.#merged(message));
    this.#others.delete(message.seq);
    this.#list.push(entered);
    return entered;
  }

  /**
   * Adds `messages`, ascending by `seq`, before the first message of the list. Returns the latest known copies of them,
   * which are now in the list.
   */
  prepend(messages: readonly Message[]): readonly Message[] {
    const older = messages.map((message) => this.#merged(message));
    for (const { seq } of messages) this.#others.delete(seq);
    this.#list = [...older, ...this.#list];
    for (const [index, message] of older.entries()) this.#list[index] = this.#quoting(message);
    return this.#list.slice(0, older.length);
  }

  /**
   * Takes a copy of a message. It replaces an older copy, in the list or outside of it, but adds no message to the
   * list.
   */
  take(message: Message): void {
    // Do not keep a copy with `rev` 0 of a message that is not held: the copy that enters the list later is not older.
    if (message.rev > 0 || this.get(message.seq) !== undefined) this.#put(this.#merged(message));
  }

  /**
   * Takes a copy that the server has just sent. Keeps it until its message enters the list, also if its `rev` is 0. Its
   * quote is current, so it replaces the held one.
   */
  takeCurrent(message: Message): void {
    const merged = this.#merged(message);
    this.#put(merged.rev === message.rev ? withQuote(merged, message.replyTo) : merged);
  }

  /**
   * Forgets the copies of messages before the start of the list. Called before the messages in the list are fetched
   * again, because changes may have been missed: these copies may be old too.
   */
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
    // A reply's quote may change without a new `rev` of the reply, so update the quotes. Earlier messages cannot quote
    // this message, and their own quotes have not changed.
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

  /** Returns the message with a quote of the latest known copy of the message that it replies to. */
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

/** Returns the quote of a message that its replies contain. */
export function quoteOf({ seq, author, body, deletedAt }: Message): Quote {
  const excerpt = [...body.slice(0, 2 * QUOTE_CHARS)].slice(0, QUOTE_CHARS).join("");
  return { seq, author, excerpt, deleted: deletedAt !== undefined };
}

/**
 * Returns the message with the excerpt and the deletion of `quote`, if it is a reply. Returns the same object if
 * nothing changes.
 */
function withQuote(message: Message, quote: Quote | undefined): Message {
  const { replyTo } = message;
  if (replyTo === undefined || quote === undefined) return message;
  const { excerpt, deleted } = quote;
  if (replyTo.excerpt === excerpt && replyTo.deleted === deleted) return message;
  return { ...message, replyTo: { ...replyTo, excerpt, deleted } };
}
