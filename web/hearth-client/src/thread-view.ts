import { type Context, toHearthError, withRetries } from "./context.js";
import type { HearthError } from "./errors.js";
import type { Inbox } from "./inbox.js";
import type { LiveConnection, Push } from "./live-connection.js";
import type { Outbox, OutboxItem } from "./outbox.js";
import { mayBe, outboxEntry } from "./outbox-entry.js";
import type { PendingFiles } from "./pending-files.js";
import type { ReadMarks } from "./read-marks.js";
import { ReadReceipts } from "./read-receipts.js";
import { LazyStore } from "./store.js";
import { ThreadFollower } from "./thread-follower.js";
import type {
  Attachment,
  FileStatusEvent,
  Message,
  OutgoingFile,
  ThreadEntry,
  ThreadSnapshot,
  ThreadView,
} from "./types.js";
import { TypingSignal, TypingUsers } from "./typing.js";

export interface ThreadViewDeps {
  context: Context;
  live: LiveConnection;
  inbox: Inbox;
  marks: ReadMarks;
  files: PendingFiles;
  outbox: Outbox;
  /** Returns the caller's user ID, or undefined if it is not known. */
  callerId: () => string | undefined;
}

/** The implementation of {@link ThreadView}. */
export class LiveThread implements ThreadView {
  readonly threadId: string;
  readonly subscribe: ThreadView["subscribe"];
  readonly getSnapshot: ThreadView["getSnapshot"];
  readonly #deps: ThreadViewDeps;
  readonly #store: LazyStore<ThreadSnapshot>;
  readonly #follower: ThreadFollower;
  readonly #typing: TypingUsers;
  readonly #typingSignal: TypingSignal;
  readonly #receipts = new ReadReceipts();
  readonly #stopListening: (() => void)[];
  readonly #closing = new AbortController();
  readonly #watches = new Map<string, () => void>();
  /** The loaded messages, ascending by `seq`, without gaps. */
  #messages: Message[] = [];
  /** Messages that this client sent and the server committed, while earlier messages are still missing. */
  #committedEarly: Message[] = [];
  /** The outbox keys of messages that this client sent, by message ID. */
  readonly #keyByMessage = new Map<string, string>();
  /**
   * For each outbox item, by its key: the last loaded `seq` when the item was added. A message with a smaller or equal
   * `seq` cannot be the item's.
   */
  readonly #seqAtSend = new Map<string, number>();
  readonly #entries = new WeakMap<Message, ThreadEntry>();
  #loadingThread = new AbortController();
  #loaded = false;
  #olderCursor: string | null = null;
  #loadingOlder: Promise<void> | null = null;
  #error: HearthError | null = null;

  constructor(threadId: string, deps: ThreadViewDeps) {
    this.threadId = threadId;
    this.#deps = deps;
    this.#store = new LazyStore(() => this.#snapshot(), deps.context.report);
    this.subscribe = this.#store.subscribe;
    this.getSnapshot = this.#store.getSnapshot;
    const changed = () => this.#store.changed();
    this.#typing = new TypingUsers(deps.context.env, changed);
    this.#typingSignal = new TypingSignal(deps.context.env, () => deps.live.sendTyping(threadId));
    this.#stopListening = [
      deps.outbox.listen(threadId, { changed, sent: (key, message) => this.#committed(key, message) }),
      deps.inbox.model.onChange((changedId) => {
        if (changedId === threadId) changed();
      }),
      deps.live.onPush((push) => this.#receive(push)),
    ];
    this.#follower = new ThreadFollower(deps.context, deps.live, threadId, {
      findStart: (signal) => this.#loadNewest(signal),
      message: (message) => this.#append(message),
      eventsMissed: () => this.#loadThread(),
      delayed: (error) => this.#setError(error),
      stopped: (error) => this.#setError(error),
    });
    // The thread is loaded when its channel is subscribed. Without a list, this shows its title before.
    if (!deps.inbox.active) this.#loadThread();
  }

  send(body: string, files: readonly OutgoingFile[] = []): string {
    const key = this.#deps.outbox.add(this.threadId, body, files);
    if (this.#loaded) this.#seqAtSend.set(key, this.#messages.at(-1)?.seq ?? 0);
    this.#typingSignal.messageSent();
    return key;
  }

  retry(key: string): boolean {
    return this.#deps.outbox.retry(key);
  }

  discard(key: string): boolean {
    return this.#deps.outbox.discard(key);
  }

  loadOlder(): Promise<void> {
    if (this.#olderCursor === null) return Promise.resolve();
    this.#loadingOlder ??= this.#loadOlder(this.#olderCursor).finally(() => {
      this.#loadingOlder = null;
      this.#store.changed();
    });
    this.#store.changed();
    return this.#loadingOlder;
  }

  markRead(seq = Number.POSITIVE_INFINITY): void {
    const last = this.#messages.at(-1)?.seq ?? 0;
    this.#deps.marks.add(this.threadId, Math.min(seq, last));
  }

  setTyping(): void {
    this.#typingSignal.typed();
  }

  async refreshFile(fileId: string): Promise<void> {
    const { status, thumbUrl, url } = await this.#deps.context.api.fileStatus(fileId);
    this.#updateAttachment(fileId, {
      status,
      ...(thumbUrl === null ? {} : { thumbUrl }),
      ...(url === undefined ? {} : { url }),
    });
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#loadingThread.abort();
    for (const stop of this.#stopListening) stop();
    this.#typing.close();
    this.#deps.marks.storeNow(this.threadId);
    this.#follower.stop();
    for (const stop of this.#watches.values()) stop();
    this.#watches.clear();
  }

  async #loadNewest(signal: AbortSignal): Promise<number> {
    const { messages, nextCursor } = await this.#deps.context.api.messages(this.threadId, {}, { signal });
    const newest = messages[0]?.seq ?? 0;
    this.#messages = messages.reverse();
    this.#committedEarly = this.#committedEarly.filter(({ seq }) => seq > newest);
    this.#olderCursor = nextCursor;
    this.#loaded = true;
    this.#loadedMessages(this.#messages);
    this.#store.changed();
    return newest;
  }

  async #loadOlder(cursor: string): Promise<void> {
    const { signal } = this.#closing;
    const { messages, nextCursor } = await this.#deps.context.api.messages(this.threadId, { cursor }, { signal });
    const older = messages.reverse();
    this.#messages = [...older, ...this.#messages];
    this.#olderCursor = nextCursor;
    this.#loadedMessages(older);
  }

  /** Fetches the thread with its read marks. Ends an earlier fetch, which may lack the latest marks. */
  #loadThread(): void {
    this.#loadingThread.abort();
    this.#loadingThread = new AbortController();
    const { signal } = this.#loadingThread;
    const { context, inbox, callerId } = this.#deps;
    const load = async () => {
      let thread = await context.api.thread(this.threadId, { signal });
      if (callerId() === undefined) {
        await inbox.identify(signal);
        thread = await context.api.thread(this.threadId, { signal });
      }
      inbox.details(thread);
      this.#receipts.replace(thread.reads);
      this.#store.changed();
    };
    withRetries(context, signal, load).catch((error: unknown) => {
      if (!signal.aborted && !context.closing.closed) this.#setError(toHearthError(error));
    });
  }

  #append(message: Message): void {
    this.#messages.push(message);
    this.#committedEarly = this.#committedEarly.filter(({ seq }) => seq > message.seq);
    this.#loadedMessages([message]);
    this.#typing.remove(message.author.id);
    this.#store.changed();
  }

  #receive(push: Push): void {
    if (push.event === "typing" && push.data.threadId === this.threadId) {
      if (push.data.userId !== this.#deps.callerId()) this.#typing.add(push.data.userId);
    } else if (push.event === "read:updated" && push.data.threadId === this.threadId) {
      // The caller's own mark is in the model. It arrives here even if the caller does not share read receipts.
      if (push.data.userId === this.#deps.callerId()) return;
      this.#receipts.read(push.data.userId, push.data.seq);
      this.#store.changed();
    }
  }

  #committed(key: string, message: Message): void {
    this.#keyByMessage.set(message.id, key);
    this.#seqAtSend.delete(key);
    this.#committedEarly.push(message);
    this.#committedEarly.sort((a, b) => a.seq - b.seq);
    this.#follower.accept(message);
    const last = this.#messages.at(-1)?.seq ?? 0;
    if (this.#loaded) this.#committedEarly = this.#committedEarly.filter(({ seq }) => seq > last);
    this.#store.changed();
  }

  #setError(error: HearthError | null): void {
    this.#error = error;
    this.#store.changed();
  }

  #loadedMessages(messages: readonly Message[]): void {
    for (const { author, seq } of messages) this.#receipts.wrote(author.id, seq);
    this.#watchFiles(messages);
  }

  #watchFiles(messages: readonly Message[]): void {
    for (const { attachments } of messages) {
      for (const { id, status } of attachments) {
        if (status !== "pending" || this.#watches.has(id)) continue;
        const finished = ({ status, thumbUrl }: FileStatusEvent) => {
          this.#watches.delete(id);
          this.#updateAttachment(id, { status, ...(thumbUrl === null ? {} : { thumbUrl }) });
        };
        const unavailable = () => this.#watches.delete(id);
        this.#watches.set(id, this.#deps.files.watch(id, { finished, unavailable }));
      }
    }
  }

  /** Changes a file's attachment in all messages that have it. */
  #updateAttachment(fileId: string, change: Partial<Attachment>): void {
    const changed = (message: Message): Message => {
      if (!message.attachments.some(({ id }) => id === fileId)) return message;
      const attachments = message.attachments.map((attachment) => {
        return attachment.id === fileId ? { ...attachment, ...change } : attachment;
      });
      return { ...message, attachments };
    };
    this.#messages = this.#messages.map(changed);
    this.#committedEarly = this.#committedEarly.map(changed);
    this.#store.changed();
  }

  #snapshot(): ThreadSnapshot {
    const items = this.#deps.outbox.items(this.threadId);
    const matches = this.#matchOutbox(items);
    const committed = [...this.#messages, ...(this.#loaded ? this.#committedEarly : [])];
    const entries = committed.map((message) => this.#entry(message, matches.get(message.id)));
    const hidden = new Set(matches.values());
    const { inbox, outbox, callerId } = this.#deps;
    const { refusedUntil } = outbox;
    const thread = inbox.model.get(this.threadId) ?? null;
    for (const item of items) if (!hidden.has(item.key)) entries.push(outboxEntry(item, refusedUntil));
    return {
      threadId: this.threadId,
      thread,
      entries,
      messages: this.#messages.slice(),
      loaded: this.#loaded,
      hasOlder: this.#olderCursor !== null,
      loadingOlder: this.#loadingOlder !== null,
      readSeq: thread?.readSeq ?? null,
      reads: this.#receipts.marks(callerId(), thread?.readSeq ?? 0),
      typing: this.#typing.ids,
      error: this.#error,
    };
  }

  /**
   * Finds committed messages that look like outbox items, and returns the items' keys by message ID. A message's push
   * may arrive before the response to the request that sent it, or the response may be lost. The message is then shown
   * once, as sent. The match is a guess, which is repeated for each snapshot until the response arrives.
   */
  #matchOutbox(items: readonly OutboxItem[]): Map<string, string> {
    const matches = new Map<string, string>();
    const callerId = this.#deps.callerId();
    for (const item of items) {
      if (item.triedAt === null || item.failed) continue;
      const after = this.#seqAtSend.get(item.key);
      const match = this.#messages.find((message) => {
        const free = !this.#keyByMessage.has(message.id) && !matches.has(message.id);
        const mine = callerId === undefined || message.author.id === callerId;
        return free && mine && mayBe(message, item, after);
      });
      if (match !== undefined) matches.set(match.id, item.key);
    }
    return matches;
  }

  #entry(message: Message, matchedKey: string | undefined): ThreadEntry {
    const key = this.#keyByMessage.get(message.id) ?? matchedKey ?? message.id;
    const known = this.#entries.get(message);
    if (known?.key === key) return known;
    const { body, attachments, createdAt } = message;
    const sent = { state: "sent", error: null, nextTryAt: null } as const;
    const entry: ThreadEntry = { key, body, attachments, createdAt, message, ...sent };
    this.#entries.set(message, entry);
    return entry;
  }
}
