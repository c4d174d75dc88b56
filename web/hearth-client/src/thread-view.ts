import { type Context, hearthError, retrying } from "./context.js";
import type { HearthError } from "./errors.js";
import { Feed } from "./feed.js";
import type { Files } from "./files.js";
import type { Live } from "./live.js";
import type { Outbox, OutboxItem } from "./outbox.js";
import { LazyStore } from "./store.js";
import type {
  Attachment,
  FileStatusEvent,
  Message,
  OutgoingFile,
  ThreadDetails,
  ThreadEntry,
  ThreadSnapshot,
  ThreadView,
} from "./types.js";

export interface Parts {
  context: Context;
  live: Live;
  files: Files;
  outbox: Outbox;
  /** The caller's id, where the token tells. */
  me: () => string | undefined;
}

/** A thread to show, kept up to date until it is closed. */
export class LiveThread implements ThreadView {
  readonly threadId: string;
  readonly subscribe: ThreadView["subscribe"];
  readonly getSnapshot: ThreadView["getSnapshot"];
  readonly #parts: Parts;
  readonly #store: LazyStore<ThreadSnapshot>;
  readonly #feed: Feed;
  readonly #stopListening: () => void;
  readonly #closing = new AbortController();
  readonly #watches = new Map<string, () => void>();
  /** Without a gap, ascending. */
  #messages: Message[] = [];
  /** Committed by this client, and not yet delivered: what is before them is missing. */
  #early: Message[] = [];
  /** The keys that messages had while they were on their way out. */
  readonly #keys = new Map<string, string>();
  /** The last message there was when an item was added: its own message comes behind it. */
  readonly #sentAfter = new Map<string, number>();
  readonly #entries = new WeakMap<Message, ThreadEntry>();
  #thread: ThreadDetails | null = null;
  #loaded = false;
  #olderCursor: string | null = null;
  #older: Promise<void> | null = null;
  #error: HearthError | null = null;

  constructor(threadId: string, parts: Parts) {
    this.threadId = threadId;
    this.#parts = parts;
    this.#store = new LazyStore(() => this.#snapshot(), parts.context.report);
    this.subscribe = this.#store.subscribe;
    this.getSnapshot = this.#store.getSnapshot;
    this.#stopListening = parts.outbox.listen(threadId, {
      changed: () => this.#store.changed(),
      sent: (key, message) => this.#sent(key, message),
    });
    this.#feed = new Feed(parts.context, parts.live, threadId, {
      locate: (signal) => this.#loadNewest(signal),
      message: (message) => this.#append(message),
      trouble: (error) => this.#trouble(error),
      ended: (error) => this.#trouble(error),
    });
    this.#loadThread();
  }

  send(body: string, files: readonly OutgoingFile[] = []): string {
    const key = this.#parts.outbox.add(this.threadId, body, files);
    if (this.#loaded) this.#sentAfter.set(key, this.#messages.at(-1)?.seq ?? 0);
    return key;
  }

  retry(key: string): boolean {
    return this.#parts.outbox.retry(key);
  }

  discard(key: string): boolean {
    return this.#parts.outbox.discard(key);
  }

  loadOlder(): Promise<void> {
    if (this.#olderCursor === null) return Promise.resolve();
    this.#older ??= this.#loadOlder(this.#olderCursor).finally(() => {
      this.#older = null;
      this.#store.changed();
    });
    this.#store.changed();
    return this.#older;
  }

  async refreshFile(fileId: string): Promise<void> {
    const { status, thumbUrl, url } = await this.#parts.context.api.fileStatus(fileId);
    this.#apply(fileId, { status, ...(thumbUrl === null ? {} : { thumbUrl }), ...(url === undefined ? {} : { url }) });
  }

  close(): void {
    this.#closing.abort();
    this.#stopListening();
    this.#feed.stop();
    for (const stop of this.#watches.values()) stop();
    this.#watches.clear();
  }

  async #loadNewest(signal: AbortSignal): Promise<number> {
    const { messages, nextCursor } = await this.#parts.context.api.messages(this.threadId, {}, { signal });
    const newest = messages[0]?.seq ?? 0;
    this.#messages = messages.reverse();
    this.#early = this.#early.filter(({ seq }) => seq > newest);
    this.#olderCursor = nextCursor;
    this.#loaded = true;
    this.#watch(this.#messages);
    this.#store.changed();
    return newest;
  }

  async #loadOlder(cursor: string): Promise<void> {
    const { signal } = this.#closing;
    const { messages, nextCursor } = await this.#parts.context.api.messages(this.threadId, { cursor }, { signal });
    const older = messages.reverse();
    this.#messages = [...older, ...this.#messages];
    this.#olderCursor = nextCursor;
    this.#watch(older);
  }

  #loadThread(): void {
    const { context } = this.#parts;
    const { signal } = this.#closing;
    retrying(context, signal, () => context.api.thread(this.threadId, { signal })).then(
      (thread) => {
        this.#thread = thread;
        this.#store.changed();
      },
      (error: unknown) => {
        if (!signal.aborted) this.#trouble(hearthError(error));
      },
    );
  }

  #append(message: Message): void {
    this.#messages.push(message);
    this.#early = this.#early.filter(({ seq }) => seq > message.seq);
    this.#watch([message]);
    this.#store.changed();
  }

  #sent(key: string, message: Message): void {
    this.#keys.set(message.id, key);
    this.#sentAfter.delete(key);
    this.#early.push(message);
    this.#early.sort((a, b) => a.seq - b.seq);
    this.#feed.accept(message);
    const last = this.#messages.at(-1)?.seq ?? 0;
    if (this.#loaded) this.#early = this.#early.filter(({ seq }) => seq > last);
    this.#store.changed();
  }

  #trouble(error: HearthError | null): void {
    this.#error = error;
    this.#store.changed();
  }

  #watch(messages: readonly Message[]): void {
    for (const { attachments } of messages) {
      for (const { id, status } of attachments) {
        if (status !== "pending" || this.#watches.has(id)) continue;
        const settled = ({ status, thumbUrl }: FileStatusEvent) => {
          this.#watches.delete(id);
          this.#apply(id, { status, ...(thumbUrl === null ? {} : { thumbUrl }) });
        };
        const refused = () => this.#watches.delete(id);
        this.#watches.set(id, this.#parts.files.watch(id, { settled, refused }));
      }
    }
  }

  /** Changes an attachment in place, wherever it is shown. */
  #apply(fileId: string, change: Partial<Attachment>): void {
    const changed = (message: Message): Message => {
      if (!message.attachments.some(({ id }) => id === fileId)) return message;
      const attachments = message.attachments.map((attachment) => {
        return attachment.id === fileId ? { ...attachment, ...change } : attachment;
      });
      return { ...message, attachments };
    };
    this.#messages = this.#messages.map(changed);
    this.#early = this.#early.map(changed);
    this.#store.changed();
  }

  #snapshot(): ThreadSnapshot {
    const items = this.#parts.outbox.items(this.threadId);
    const echoes = this.#echoes(items);
    const committed = [...this.#messages, ...(this.#loaded ? this.#early : [])];
    const entries = committed.map((message) => this.#entry(message, echoes.get(message.id)));
    const hidden = new Set(echoes.values());
    for (const item of items) if (!hidden.has(item.key)) entries.push(outgoing(item));
    return {
      threadId: this.threadId,
      thread: this.#thread,
      entries,
      messages: this.#messages.slice(),
      loaded: this.#loaded,
      hasOlder: this.#olderCursor !== null,
      loadingOlder: this.#older !== null,
      error: this.#error,
    };
  }

  /**
   * Messages that look like what is on its way out: a push may overtake the answer to the send, or the answer be lost.
   * They are shown once, as sent. That is only a guess, made anew each time, and the answer settles it.
   */
  #echoes(items: readonly OutboxItem[]): Map<string, string> {
    const echoes = new Map<string, string>();
    const me = this.#parts.me();
    for (const item of items) {
      if (item.triedAt === null || item.failed) continue;
      const after = this.#sentAfter.get(item.key);
      const echo = this.#messages.find((message) => {
        const behind = after === undefined ? since(message, item) : message.seq > after;
        const free = !this.#keys.has(message.id) && !echoes.has(message.id);
        const mine = me === undefined || message.author.id === me;
        return behind && free && mine && same(message, item);
      });
      if (echo !== undefined) echoes.set(echo.id, item.key);
    }
    return echoes;
  }

  #entry(message: Message, echoOf: string | undefined): ThreadEntry {
    const key = this.#keys.get(message.id) ?? echoOf ?? message.id;
    const known = this.#entries.get(message);
    if (known?.key === key) return known;
    const { body, attachments, createdAt } = message;
    const entry: ThreadEntry = { key, state: "sent", body, attachments, createdAt, message, error: null };
    this.#entries.set(message, entry);
    return entry;
  }
}

/** Whether the message may be from after the item was made; clocks differ. */
function since(message: Message, item: OutboxItem): boolean {
  return Date.parse(message.createdAt) > Date.parse(item.createdAt) - 5 * 60_000;
}

function same(message: Message, item: OutboxItem): boolean {
  return (
    message.body === item.body &&
    message.attachments.length === new Set(item.files.map(({ id }) => id)).size &&
    message.attachments.every(({ id }) => item.files.some((file) => file.id === id))
  );
}

function outgoing({ key, body, files, createdAt, failed, error }: OutboxItem): ThreadEntry {
  const attachments = files.map(({ id, name, mimetype, size, previewUrl }): Attachment => {
    const url = previewUrl ?? "";
    return {
      id,
      name: name ?? "",
      url,
      mimetype: mimetype ?? "application/octet-stream",
      size: size ?? 0,
      status: "pending",
    };
  });
  return { key, state: failed ? "failed" : "sending", body, attachments, createdAt, message: null, error };
}
