import type { Attachment, Message, ThreadSummary } from "../../src/index.js";
import { problem, type Reply } from "./replies.js";
import { createFile, type FileRequest, fileStatus, type StoredFile, storeFile } from "./stored-files.js";
import {
  applyChange,
  type ChangeKind,
  type ChangeRequest,
  quoteOf,
  reactionsOf,
  type StoredMessage,
} from "./stored-messages.js";
import { StoredSubscriptions } from "./stored-subscriptions.js";
import { nameOf, StoredThread } from "./stored-thread.js";

interface SendRequest {
  body: string;
  fileIds?: string[];
  replyTo?: number;
}

/** An in-memory backend without faults: the server's data, and its answers to REST requests. */
export class Backend {
  readonly threads = new Map<string, StoredThread>();
  readonly files = new Map<string, StoredFile>();
  readonly subscriptions = new StoredSubscriptions();
  /** The IDs of the users who do not share read receipts. */
  readonly secretive = new Set<string>();
  /** Maximum number of threads or people on a page, in addition to the request's `limit`. */
  pageSize = 100;
  /** Maximum number of revisions on a page of changes. */
  changePageSize = 100;
  /** Maximum number of revisions that a client may have missed. If it has missed more, the answer is `reset`. */
  maxBehind = 1_000;
  /** How long the text of a message can be changed, in milliseconds. */
  editWindow = 24 * 60 * 60_000;
  /** Whether requests for changes are refused permanently. */
  changesRefused = false;
  /** The received requests that change a message, as texts `user thread seq kind value`, also if they were refused. */
  readonly handled = new Set<string>();
  readonly #keys = new Map<string, { threadId: string; seq: number; content: string | null }>();
  readonly #now: () => number;
  #created = 0;
  /** Called with each message when it is committed. */
  committed: (message: Message) => void = () => {};
  /**
   * Called with each change of a message: the thread, the `seq` of the message, the revision, and the kind of change.
   */
  changed: (thread: StoredThread, seq: number, rev: number, kind: ChangeKind) => void = () => {};
  /** Called with each thread when it is created. */
  created: (thread: StoredThread) => void = () => {};
  /** Called when a read mark of a member, or their settings of a thread, have changed. */
  memberChanged: (thread: StoredThread, user: string, what: "read" | "settings") => void = () => {};
  /** Called with each file when its bytes are uploaded. */
  uploaded: (file: StoredFile) => void = () => {};

  constructor(now: () => number) {
    this.#now = now;
  }

  addThread(id: string, memberIds: string[]): StoredThread {
    const createdAt = new Date(this.#now()).toISOString();
    const thread = new StoredThread(id, memberIds, createdAt, (stored) => this.#present(stored));
    this.threads.set(id, thread);
    this.created(thread);
    return thread;
  }

  /** Returns a user's archived threads, or the user's threads that are not archived, most recently active first. */
  list(user: string, archived: boolean): ThreadSummary[] {
    const mine = [...this.threads.values()].filter(({ members }) => members.get(user)?.archived === archived);
    const key = ({ updatedAt, id }: ThreadSummary) => `${updatedAt} ${id}`;
    return mine.map((thread) => thread.summary(user)).sort((a, b) => (key(a) < key(b) ? 1 : -1));
  }

  /** Whether a user shares read receipts. */
  readonly shares = (user: string): boolean => !this.secretive.has(user);

  messages(threadId: string): Message[] {
    return this.#thread(threadId).messages.map((stored) => this.#present(stored));
  }

  commit(
    threadId: string,
    author: string,
    body: string,
    fileIds: string[] = [],
    replyTo: number | null = null,
  ): Message {
    const { messages } = this.#thread(threadId);
    const seq = messages.length + 1;
    const message: Message = {
      id: `msg_${threadId}_${seq}`,
      threadId,
      seq,
      rev: 0,
      body,
      reactions: [],
      author: { id: author, name: nameOf(author) },
      attachments: [],
      createdAt: new Date(this.#now()).toISOString(),
    };
    const stored = { message, sentBody: body, fileIds, reactions: new Map(), replyTo };
    messages.push(stored);
    this.committed(this.#present(stored));
    return this.#present(stored);
  }

  edit(threadId: string, user: string, seq: number, body: string): Reply {
    return this.#change(this.#thread(threadId), { user, seq, method: "PATCH", reaction: false, body: { body } });
  }

  remove(threadId: string, user: string, seq: number): Reply {
    return this.#change(this.#thread(threadId), { user, seq, method: "DELETE", reaction: false, body: {} });
  }

  react(threadId: string, user: string, seq: number, emoji: string): Reply {
    return this.#change(this.#thread(threadId), { user, seq, method: "PUT", reaction: true, body: { emoji } });
  }

  answer(user: string, method: string, url: URL, headers: Record<string, string>, body: unknown): Reply {
    const [, root, kind, id, rest, seq, leaf] = url.pathname.split("/");
    const { searchParams } = url;
    if (root === "storage") return storeFile(this.files, kind ?? "", this.uploaded);
    const route = `${method} ${kind}${id === undefined ? "" : "/id"}${rest === undefined ? "" : `/${rest}`}`;
    if (route === "GET threads") return { status: 200, body: this.#threadPage(user, searchParams) };
    if (route === "POST threads") return this.#createThread(user, body as { memberIds: string[] });
    if (route === "GET people") return { status: 200, body: this.#peoplePage(searchParams) };
    if (route === "GET me") {
      return { status: 200, body: { id: user, name: nameOf(user), receipts: this.shares(user) } };
    }
    if (route === "POST files") {
      this.#created += 1;
      return createFile(this.files, `file_${this.#created}`, user, body as FileRequest, this.#now());
    }
    if (route === "GET files/id/status") return fileStatus(this.files, id ?? "");
    if (route === "GET push-key") return this.subscriptions.key();
    if (route === "PUT push-subscriptions") {
      return this.subscriptions.put(user, body as { endpoint: string; keys: { auth: string } });
    }
    if (route === "DELETE push-subscriptions/id") return this.subscriptions.remove(user, id ?? "");
    const thread = this.threads.get(id ?? "");
    if (!thread?.memberIds.includes(user)) return problem(404, "thread_not_found");
    if (route === "GET threads/id") return { status: 200, body: thread.details(user, this.shares) };
    if (route === "PUT threads/id/read") return this.#markRead(thread, user, body as { seq: number });
    if (route === "PATCH threads/id/me") {
      Object.assign(thread.member(user), body);
      this.memberChanged(thread, user, "settings");
      const { archived, mutedUntil } = thread.member(user);
      return { status: 200, body: { archived, mutedUntil } };
    }
    if (route === "GET threads/id/changes" && this.changesRefused) return problem(403, "forbidden");
    if (route === "GET threads/id/changes") return { status: 200, body: this.#changePage(thread, searchParams) };
    if (seq !== undefined) {
      const change = body as ChangeRequest["body"] | undefined;
      return this.#change(thread, {
        user,
        seq: Number(seq),
        method,
        reaction: leaf === "reaction",
        body: change ?? {},
      });
    }
    if (route === "GET threads/id/messages") return { status: 200, body: this.#page(thread, searchParams) };
    if (route === "POST threads/id/messages") {
      return this.#send(thread, user, body as SendRequest, headers["idempotency-key"]);
    }
    return { status: 404, body: { message: "Not Found" } };
  }

  #thread(threadId: string): StoredThread {
    const thread = this.threads.get(threadId);
    if (thread === undefined) throw new Error(`The test uses an unknown thread: ${threadId}`);
    return thread;
  }

  #present(stored: StoredMessage): Message {
    const { message, fileIds, replyTo } = stored;
    const attachments = fileIds.map((id): Attachment => {
      const file = this.files.get(id);
      if (file === undefined) throw new Error(`The test uses an unknown file: ${id}`);
      const { name, mimetype, size, status } = file;
      const thumb = status === "ready" ? { thumbUrl: `/thumbs/${id}.jpg` } : {};
      return { id, name, url: `/files/${id}/${name}`, mimetype, size, status, ...thumb };
    });
    const quoted = replyTo === null ? undefined : this.#thread(message.threadId).messages[replyTo - 1];
    const quote = quoted === undefined ? {} : { replyTo: quoteOf(quoted) };
    return { ...message, attachments, reactions: reactionsOf(stored), ...quote };
  }

  #threadPage(user: string, query: URLSearchParams) {
    const limit = Math.min(Number(query.get("limit") ?? 50), this.pageSize);
    const key = ({ updatedAt, id }: ThreadSummary) => `${updatedAt} ${id}`;
    const after = query.get("cursor");
    const rest = this.list(user, query.get("archived") === "true").filter((row) => after === null || key(row) < after);
    const threads = rest.slice(0, limit);
    const last = threads.at(-1);
    return { threads, nextCursor: rest.length > limit && last !== undefined ? key(last) : null };
  }

  #peoplePage(query: URLSearchParams) {
    const known = [...new Set([...this.threads.values()].flatMap(({ memberIds }) => memberIds))].sort();
    const first = Number(query.get("cursor") ?? 0);
    const people = known.slice(first, first + this.pageSize).map((id) => ({ id, name: nameOf(id) }));
    const next = first + people.length;
    return { people, nextCursor: next < known.length ? String(next) : null };
  }

  #createThread(user: string, { memberIds }: { memberIds: string[] }): Reply {
    const members = [...new Set([user, ...memberIds])].sort();
    const same = [...this.threads.values()].find((thread) => [...thread.memberIds].sort().join() === members.join());
    const thread = same ?? this.addThread(`thread_of_${members.join("_")}`, members);
    const { memberNames: _, lastSeq: __, lastMessage: ___, ...body } = thread.overview();
    return { status: same === undefined ? 201 : 200, body };
  }

  #markRead(thread: StoredThread, user: string, { seq }: { seq: number }): Reply {
    if (!Number.isInteger(seq) || seq < 0 || seq > thread.messages.length) return problem(422, "invalid_request");
    if (thread.read(user, seq)) this.memberChanged(thread, user, "read");
    return { status: 200, body: { readSeq: thread.member(user).readSeq } };
  }

  #page({ messages }: StoredThread, query: URLSearchParams) {
    const limit = Number(query.get("limit") ?? 50);
    const after = query.get("after");
    if (after !== null) {
      const page = messages.slice(Number(after), Number(after) + limit);
      const more = Number(after) + page.length < messages.length;
      return { messages: page.map((stored) => this.#present(stored)), nextCursor: more ? "after" : null };
    }
    const before = Number(query.get("cursor") ?? messages.length + 1) - 1;
    const first = Math.max(0, before - limit);
    const page = messages.slice(first, before).reverse();
    return { messages: page.map((stored) => this.#present(stored)), nextCursor: first > 0 ? String(first + 1) : null };
  }

  #changePage(thread: StoredThread, query: URLSearchParams) {
    const { changes } = thread;
    const after = Number(query.get("after"));
    const last = changes.length;
    if (after > last || after < last - this.maxBehind) return { reset: true, rev: last };
    const rev = Math.min(last, after + this.changePageSize);
    const messages = [...new Set(changes.slice(after, rev))].flatMap((seq) => thread.messages[seq - 1] ?? []);
    const nextCursor = rev < last ? String(rev) : null;
    return { messages: messages.map((stored) => this.#present(stored)), rev, nextCursor };
  }

  #change(thread: StoredThread, request: Omit<ChangeRequest, "now">): Reply {
    const { user, seq, method, reaction, body } = request;
    const kind = reaction ? "react" : method === "DELETE" ? "remove" : "edit";
    this.handled.add(`${user} ${thread.id} ${seq} ${kind} ${body.body ?? body.emoji ?? null}`);
    const stored = thread.messages[seq - 1];
    const files = stored?.fileIds ?? [];
    const result = applyChange(stored, { ...request, now: this.#now() }, this.editWindow);
    if ("status" in result || stored === undefined) return result as Reply;
    if (result.kind !== null) {
      stored.message.rev = thread.changes.push(seq);
      if (result.kind === "remove") for (const id of files) this.#eraseIfUnused(id);
      for (const record of result.kind === "react" ? [] : this.#keys.values()) {
        if (record.threadId === thread.id && record.seq === seq) record.content = null;
      }
      this.changed(thread, seq, stored.message.rev, result.kind);
    }
    return { status: 200, body: this.#present(stored) };
  }

  #eraseIfUnused(fileId: string): void {
    const messages = [...this.threads.values()].flatMap((thread) => thread.messages);
    if (!messages.some(({ fileIds }) => fileIds.includes(fileId))) this.files.delete(fileId);
  }

  #send(thread: StoredThread, user: string, content: SendRequest, key?: string): Reply {
    const text = JSON.stringify(content);
    const before = this.#keys.get(`${thread.id} ${user} ${key}`);
    if (before !== undefined) {
      if (before.content !== null && before.content !== text) return problem(422, "idempotency_key_reused");
      const stored = thread.messages[before.seq - 1];
      if (stored === undefined) throw new Error("The idempotency key belongs to a missing message.");
      return { status: 201, body: this.#present(stored), headers: { "idempotency-replayed": "true" } };
    }
    const fileIds = content.fileIds ?? [];
    if (content.body === "" && fileIds.length === 0) return problem(422, "invalid_request");
    for (const id of fileIds) {
      const file = this.files.get(id);
      if (file?.owner !== user || file.status === "failed") return problem(422, "invalid_request");
    }
    const { replyTo = null } = content;
    if (replyTo !== null && thread.messages[replyTo - 1] === undefined) return problem(422, "invalid_request");
    const { seq } = this.commit(thread.id, user, content.body, fileIds, replyTo);
    if (key !== undefined) this.#keys.set(`${thread.id} ${user} ${key}`, { threadId: thread.id, seq, content: text });
    return { status: 201, body: this.#present(thread.messages[seq - 1] as StoredMessage) };
  }
}
