import { ChangeFollower } from "./change-follower.js";
import { type Context, toHearthError, withRetries } from "./context.js";
import type { HearthError } from "./errors.js";
import type { Inbox } from "./inbox.js";
import type { LiveConnection, Push } from "./live-connection.js";
import type { Change } from "./message-changes.js";
import { MessageStore } from "./message-store.js";
import type { Outbox } from "./outbox.js";
import { imageSize, type PendingFiles } from "./pending-files.js";
import type { ReadMarks } from "./read-marks.js";
import { ReadReceipts } from "./read-receipts.js";
import { LazyStore } from "./store.js";
import { ThreadEntries } from "./thread-entries.js";
import { ThreadFollower } from "./thread-follower.js";
import type {
  Attachment,
  FileStatusEvent,
  Message,
  OutgoingFile,
  ThreadSnapshot,
  ThreadView,
  UploadingFile,
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

/** Number of messages to read again at once: the server's maximum. */
const PAGE_SIZE = 100;

/** The implementation of {@link ThreadView}. */
export class LiveThread implements ThreadView {
  readonly threadId: string;
  readonly subscribe: ThreadView["subscribe"];
  readonly getSnapshot: ThreadView["getSnapshot"];
  readonly #deps: ThreadViewDeps;
  readonly #store: LazyStore<ThreadSnapshot>;
  readonly #follower: ThreadFollower;
  readonly #changes: ChangeFollower;
  readonly #typing: TypingUsers;
  readonly #typingSignal: TypingSignal;
  readonly #receipts = new ReadReceipts();
  readonly #stopListening: (() => void)[];
  readonly #closing = new AbortController();
  readonly #watches = new Map<string, () => void>();
  readonly #messages = new MessageStore();
  readonly #entries = new ThreadEntries();
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
      deps.inbox.onMessages((messages) => {
        const mine = messages.filter((message) => message.threadId === threadId);
        for (const message of mine) this.#messages.take(message);
        if (mine.length > 0) changed();
      }),
      deps.live.onPush((push) => this.#receive(push)),
    ];
    this.#changes = new ChangeFollower(deps.context, deps.live, threadId, {
      changed: (message) => this.#follower.accept(message),
      reload: (signal) => this.#reload(signal),
      failed: (error) => this.#setError(error),
    });
    this.#follower = new ThreadFollower(deps.context, deps.live, threadId, {
      findStart: (signal) => this.#loadNewest(signal),
      message: (message) => this.#append(message),
      eventsMissed: (rev) => {
        this.#loadThread();
        this.#changes.eventsMissed(rev);
      },
      delayed: (error) => this.#setError(error),
      stopped: (error) => this.#setError(error),
    });
    // The thread is loaded when its channel is subscribed. If no list is open, load it now too, to show its title
    // earlier.
    if (!deps.inbox.active) this.#loadThread();
  }

  send(
    body: string,
    files: readonly (OutgoingFile | UploadingFile)[] = [],
    { replyTo }: { replyTo?: number } = {},
  ): string {
    const key = this.#deps.outbox.add(this.threadId, body, files, replyTo ?? null);
    if (this.#loaded) this.#entries.added(key, this.#messages.last);
    this.#typingSignal.messageSent();
    return key;
  }

  edit(seq: number, body: string): string {
    return this.#change({ kind: "edit", seq, body, emoji: null });
  }

  remove(seq: number): string {
    return this.#change({ kind: "remove", seq, body: null, emoji: null });
  }

  react(seq: number, emoji: string): string {
    return this.#change({ kind: "react", seq, body: null, emoji });
  }

  unreact(seq: number): string {
    return this.#change({ kind: "react", seq, body: null, emoji: null });
  }

  retry(key: string): boolean {
    return this.#deps.outbox.retry(key);
  }

  discard(key: string, { force = false }: { force?: boolean } = {}): boolean {
    return this.#deps.outbox.discard(key, force);
  }

  loadOlder(): Promise<void> {
    if (this.#olderCursor === null) return Promise.resolve();
    this.#loadingOlder ??= this.#loadPage(this.#olderCursor, this.#closing.signal).finally(() => {
      this.#loadingOlder = null;
      this.#store.changed();
    });
    this.#store.changed();
    return this.#loadingOlder;
  }

  markRead(seq = Number.POSITIVE_INFINITY): void {
    this.#deps.marks.add(this.threadId, Math.min(seq, this.#messages.last));
  }

  setTyping(): void {
    this.#typingSignal.typed();
  }

  async refreshFile(fileId: string): Promise<void> {
    const { status, thumbUrl, url, ...details } = await this.#deps.context.api.fileStatus(fileId);
    this.#updateAttachment(fileId, {
      status,
      ...imageSize(details),
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
    this.#changes.stop();
    for (const stop of this.#watches.values()) stop();
    this.#watches.clear();
  }

  async #loadNewest(signal: AbortSignal): Promise<number> {
    await this.#loadPage(undefined, signal);
    this.#loaded = true;
    this.#store.changed();
    return this.#messages.last;
  }

  /** Loads the page of older messages at `cursor`; without a cursor, the page of the newest messages. */
  async #loadPage(cursor: string | undefined, signal: AbortSignal): Promise<void> {
    const { starts } = this.#changes;
    const page = cursor === undefined ? {} : { cursor };
    const { messages, nextCursor } = await this.#deps.context.api.messages(this.threadId, page, { signal });
    // During the request, the change follower has set its revision without fetching the changes up to it. The page may
    // lack these changes, so load it again.
    if (this.#changes.starts !== starts) return await this.#loadPage(cursor, signal);
    this.#olderCursor = nextCursor;
    this.#loadedMessages(this.#messages.prepend(messages.reverse()));
  }

  /** Fetches all loaded messages again, and the messages after them. */
  async #reload(signal: AbortSignal): Promise<void> {
    this.#messages.dropOlder();
    const [first] = this.#messages.messages;
    let after: number | null = this.#loaded ? (first?.seq ?? 1) - 1 : null;
    while (after !== null) {
      const page = { after, limit: PAGE_SIZE };
      const { messages, nextCursor } = await this.#deps.context.api.messages(this.threadId, page, { signal });
      for (const message of messages) this.#messages.takeCurrent(message);
      after = nextCursor === null ? null : (messages.at(-1)?.seq ?? null);
    }
    this.#store.changed();
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
    this.#loadedMessages([this.#messages.append(message)]);
    this.#typing.remove(message.author.id);
    this.#store.changed();
  }

  #receive(push: Push): void {
    if (push.event === "message:changed" && push.data.threadId === this.threadId) {
      const { rev, message, truncated = false } = push.data;
      if (!truncated) this.#follower.accept(message);
      this.#changes.pushed(rev, truncated);
    } else if (push.event === "typing" && push.data.threadId === this.threadId) {
      if (push.data.userId !== this.#deps.callerId()) this.#typing.add(push.data.userId);
    } else if (push.event === "read:updated" && push.data.threadId === this.threadId) {
      // Ignore the caller's own mark: the model has it, and `reads` contains it only if the caller shares read
      // receipts. This event arrives in any case.
      if (push.data.userId === this.#deps.callerId()) return;
      this.#receipts.read(push.data.userId, push.data.seq);
      this.#store.changed();
    }
  }

  #committed(key: string, message: Message): void {
    this.#entries.committed(key, message);
    this.#messages.takeCurrent(message);
    this.#follower.accept(message);
    this.#store.changed();
  }

  #change(change: Change): string {
    return this.#deps.outbox.change(this.threadId, change);
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
        const finished = ({ status, thumbUrl, ...event }: FileStatusEvent) => {
          this.#watches.delete(id);
          this.#updateAttachment(id, { status, ...imageSize(event), ...(thumbUrl === null ? {} : { thumbUrl }) });
        };
        const unavailable = () => this.#watches.delete(id);
        this.#watches.set(id, this.#deps.files.watch(id, { finished, unavailable }));
      }
    }
  }

  /** Changes a file's attachment in all messages that have it. */
  #updateAttachment(fileId: string, change: Partial<Attachment>): void {
    this.#messages.updateAttachment(fileId, change);
    this.#store.changed();
  }

  #snapshot(): ThreadSnapshot {
    const { inbox, outbox, callerId } = this.#deps;
    const entries = this.#entries.make({
      store: this.#messages,
      items: outbox.items(this.threadId),
      loaded: this.#loaded,
      callerId: callerId(),
      uploadProgress: (key) => outbox.uploadProgress(key),
      refusedUntil: outbox.refusedUntil,
    });
    const committed = entries.slice(0, this.#messages.messages.length);
    const thread = inbox.model.get(this.threadId) ?? null;
    return {
      threadId: this.threadId,
      thread,
      entries,
      messages: committed.flatMap(({ message }) => message ?? []),
      loaded: this.#loaded,
      hasOlder: this.#olderCursor !== null,
      loadingOlder: this.#loadingOlder !== null,
      readSeq: thread?.readSeq ?? null,
      reads: this.#receipts.marks(callerId(), thread?.readSeq ?? 0),
      typing: this.#typing.ids,
      error: this.#error,
    };
  }
}
