import { markRequest, messagePath, unregisterRequest } from "./api-requests.js";
import { HearthError } from "./errors.js";
import type { ApiRequest, ApiResponse, Transport } from "./http.js";
import type {
  Attachment,
  Changes,
  FileCreated,
  FileDetails,
  Me,
  Message,
  MessagePage,
  PeoplePage,
  PushKey,
  RegisteredSubscription,
  Thread,
  ThreadDetails,
  ThreadPage,
  ThreadSettings,
  WsTicket,
} from "./types.js";

/** Options that every REST call accepts. */
export interface CallOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Receives the threads and messages in REST responses, including responses to calls of the application. @internal */
export interface ApiObserver {
  /** Called with the thread that `createThread` returns. `created` is false if the thread existed already. */
  thread(thread: Thread, created: boolean): void;
  /** Called with messages that were fetched, sent or changed. */
  messages(messages: readonly Message[]): void;
}

/** The REST calls. A failed call rejects with a `HearthError`. An aborted call rejects with its signal's reason. */
export class HearthApi {
  readonly #transport: Transport;
  readonly #observer: ApiObserver;

  /** @internal */
  constructor(transport: Transport, observer: ApiObserver) {
    this.#transport = transport;
    this.#observer = observer;
  }

  /**
   * Creates the thread whose members are exactly `memberIds` and the caller, or returns it if it exists. A thread has
   * at most 90 members, including the caller, and its title at most 100 characters. An existing thread keeps its title.
   */
  async createThread(
    memberIds: readonly string[],
    title?: string | null,
    options: CallOptions = {},
  ): Promise<{ thread: Thread; created: boolean }> {
    const body = { memberIds, ...(title == null ? {} : { title }) };
    const answer = await this.#call({ method: "POST", path: "/api/threads", body, signal: options.signal });
    const thread = answer.json as Thread;
    const created = answer.status === 201;
    this.#observer.thread(thread, created);
    return { thread, created };
  }

  /**
   * Returns a thread with its members' names, the caller's read mark and settings, and the read marks of the members
   * who share read receipts.
   */
  async thread(threadId: string, options: CallOptions = {}): Promise<ThreadDetails> {
    return await this.#get<ThreadDetails>(`/api/threads/${encodeURIComponent(threadId)}`, {}, options);
  }

  /**
   * Returns a page of the caller's threads, most recently active first: the archived threads if `archived` is true,
   * otherwise the threads that are not archived. `limit` is 1 to 100, by default 50.
   */
  async threads(
    page: { limit?: number; cursor?: string; archived?: boolean } = {},
    options: CallOptions = {},
  ): Promise<ThreadPage> {
    const { threads, nextCursor } = await this.#get<ThreadPage>("/api/threads", page, options);
    return { threads: list(threads), nextCursor };
  }

  /**
   * Moves the caller's read mark forward to `seq`, which is 0 or the `seq` of a message. Returns the read mark after
   * the call: it is larger than `seq` if it was already, because a read mark never moves back. `ThreadView.markRead`
   * does this with retries.
   */
  async markRead(
    threadId: string,
    seq: number,
    options: CallOptions & { keepalive?: boolean } = {},
  ): Promise<{ readSeq: number }> {
    const { signal, keepalive } = options;
    const answer = await this.#call({ ...markRequest(threadId, seq), signal, keepalive });
    return answer.json as { readSeq: number };
  }

  /**
   * Requests to move the caller's read mark, and ignores the answer. Works also while the client is being closed.
   * @internal
   */
  markReadAtClose(threadId: string, seq: number): void {
    this.#transport.sendAtClose(markRequest(threadId, seq));
  }

  /**
   * Changes one or both of the caller's settings of a thread, `archived` and `mutedUntil`. Returns both settings.
   * `HearthClient.setArchived` and `HearthClient.mute` do this with retries.
   */
  async updateSettings(
    threadId: string,
    change: Partial<ThreadSettings>,
    options: CallOptions = {},
  ): Promise<ThreadSettings> {
    const path = `/api/threads/${encodeURIComponent(threadId)}/me`;
    return (await this.#call({ method: "PATCH", path, body: change, signal: options.signal })).json as ThreadSettings;
  }

  /**
   * Returns a page of the people whom the caller may write to, by name, the caller included. `limit` is 1 to 100, by
   * default 50. `HearthClient.people` returns all people.
   */
  async people(page: { limit?: number; cursor?: string } = {}, options: CallOptions = {}): Promise<PeoplePage> {
    const { people, nextCursor } = await this.#get<PeoplePage>("/api/people", page, options);
    return { people: list(people).map((person) => this.#withPicture(person)), nextCursor };
  }

  /** Returns the caller's ID, name, picture, and whether they share read receipts. */
  async me(options: CallOptions = {}): Promise<Me> {
    return this.#identified(await this.#get<Me>("/api/me", {}, options));
  }

  /**
   * Changes whether other members see the caller's read marks (the caller's own devices see them in any case), and the
   * caller's picture: `avatarFileId` is the ID of a ready image that the caller has uploaded, and null removes the
   * picture. Returns the same as {@link me}. `HearthClient.setAvatar` uploads the image first.
   */
  async updateMe(change: { receipts?: boolean; avatarFileId?: string | null }, options: CallOptions = {}): Promise<Me> {
    const answer = await this.#call({ method: "PATCH", path: "/api/me", body: change, signal: options.signal });
    return this.#identified(answer.json as Me);
  }

  /**
   * Returns a page of a thread's messages, newest first. With `after`, returns only messages with a larger `seq`,
   * oldest first. `limit` is 1 to 100, by default 50.
   */
  async messages(
    threadId: string,
    page: { limit?: number; cursor?: string; after?: number } = {},
    options: CallOptions = {},
  ): Promise<MessagePage> {
    const path = `/api/threads/${encodeURIComponent(threadId)}/messages`;
    const { messages: relative, nextCursor } = await this.#get<MessagePage>(path, page, options);
    const messages = list(relative).map((message) => this.absolute(message));
    this.#observer.messages(messages);
    return { messages, nextCursor };
  }

  /**
   * Sends a message. For at least 7 days, another call with the same `idempotencyKey` and content does not send the
   * message again: it returns the stored message, and `replayed` is true.
   */
  async send(
    threadId: string,
    message: { body?: string; fileIds?: readonly string[]; replyTo?: number },
    options: CallOptions & { idempotencyKey?: string } = {},
  ): Promise<{ message: Message; replayed: boolean }> {
    const answer = await this.#call({
      method: "POST",
      path: `/api/threads/${encodeURIComponent(threadId)}/messages`,
      body: message,
      headers: options.idempotencyKey === undefined ? {} : { "idempotency-key": options.idempotencyKey },
      once: options.idempotencyKey === undefined,
      signal: options.signal,
    });
    const replayed = answer.headers.get("idempotency-replayed") === "true";
    return { message: this.#observed(answer), replayed };
  }

  /**
   * Returns a page of the messages that were changed after the revision `after` of the thread, each as it is now, and
   * the last revision that the page covers. Returns `reset` and the thread's last revision if `after` does not exist,
   * or is followed by more than 1,000 revisions: the messages must then be read again. `limit` is 1 to 100, by default
   * 100.
   */
  async changes(
    threadId: string,
    page: { after?: number; limit?: number; cursor?: string },
    options: CallOptions = {},
  ): Promise<Changes> {
    const path = `/api/threads/${encodeURIComponent(threadId)}/changes`;
    const answer = await this.#get<Changes>(path, page, options);
    if ("reset" in answer) return answer;
    const messages = list(answer.messages).map((message) => this.absolute(message));
    this.#observer.messages(messages);
    return { ...answer, messages };
  }

  /**
   * Replaces the text of a message of the caller. Returns the message. `ThreadView.edit`, `remove`, `react` and
   * `unreact` make changes with retries.
   */
  async editMessage(threadId: string, seq: number, body: string, options: CallOptions = {}): Promise<Message> {
    return await this.#change({ method: "PATCH", path: messagePath(threadId, seq), body: { body } }, options);
  }

  /**
   * Deletes a message of the caller. Returns the deleted message, which has no text, no files and no reactions. The
   * request continues after the page is closed: a page that lets its user undo a deletion may send the request only
   * while it is being closed.
   */
  async deleteMessage(threadId: string, seq: number, options: CallOptions = {}): Promise<Message> {
    return await this.#change({ method: "DELETE", path: messagePath(threadId, seq), keepalive: true }, options);
  }

  /**
   * Sets the caller's reaction to a message to `emoji`, or removes the reaction if `emoji` is null. Returns the
   * message.
   */
  async react(threadId: string, seq: number, emoji: string | null, options: CallOptions = {}): Promise<Message> {
    const path = `${messagePath(threadId, seq)}/reaction`;
    const request = emoji === null ? { method: "DELETE" as const } : { method: "PUT" as const, body: { emoji } };
    return await this.#change({ ...request, path }, options);
  }

  /**
   * Creates a file's record on the server. Afterwards, send the file's bytes to `uploadUrl`, with the returned `method`
   * and `headers`. `HearthClient.upload` does both.
   */
  async createFile(
    file: { filename: string; mimetype: string; size: number },
    options: CallOptions = {},
  ): Promise<FileCreated> {
    const answer = await this.#call({ method: "POST", path: "/api/files", body: file, signal: options.signal });
    return answer.json as FileCreated;
  }

  /** Returns a file's status, with its URLs if it is `ready`, or the reason if it is `failed`. */
  async fileStatus(fileId: string, options: CallOptions = {}): Promise<FileDetails> {
    const details = await this.#get<FileDetails>(`/api/files/${encodeURIComponent(fileId)}/status`, {}, options);
    const { url: path, ...others } = details;
    const url = this.link(path);
    return { ...others, thumbUrl: this.link(details.thumbUrl), ...(url === null ? {} : { url }) };
  }

  /** Returns a ticket that opens one WebSocket. */
  async wsTicket(options: CallOptions = {}): Promise<WsTicket> {
    const answer = await this.#call({ method: "POST", path: "/api/ws-tickets", signal: options.signal });
    return answer.json as WsTicket;
  }

  /**
   * Returns the deployment's public key, with which a browser creates a push subscription. `HearthClient.notifications`
   * requests the key itself.
   */
  async pushKey(options: CallOptions = {}): Promise<PushKey> {
    return await this.#get<PushKey>("/api/push-key", {}, options);
  }

  /**
   * Registers this device for notifications, or renews its registration, which ends after 60 days. `subscription` is
   * what the `toJSON` of the browser's `PushSubscription` returns.
   */
  async putPushSubscription(subscription: object, options: CallOptions = {}): Promise<RegisteredSubscription> {
    const request = { method: "PUT", path: "/api/push-subscriptions", body: subscription } as const;
    return (await this.#call({ ...request, signal: options.signal })).json as RegisteredSubscription;
  }

  /** Removes a device's registration for notifications from the server. `id` is the ID of the registration. */
  async deletePushSubscription(id: string, options: CallOptions = {}): Promise<void> {
    await this.#call({ ...unregisterRequest(id), signal: options.signal });
  }

  /**
   * Requests to remove a device's registration for notifications, and ignores the answer. Works also while the client
   * is being closed. @internal
   */
  deletePushSubscriptionAtClose(id: string): void {
    this.#transport.sendAtClose(unregisterRequest(id));
  }

  /**
   * Returns the absolute URL of a path that the server sent. URLs that this library returns are already absolute.
   * Throws a `HearthError` if the URL is neither `http:` nor `https:`.
   */
  resolve(path: string): string {
    return this.#transport.resolve(path);
  }

  /** Returns the absolute URL of `path`, or null if `path` is missing or `resolve` throws for it. @internal */
  link(path: string | null | undefined): string | null {
    if (path == null) return null;
    try {
      return this.resolve(path);
    } catch {
      return null;
    }
  }

  /**
   * Returns the message with absolute URLs in its attachments. Adds `rev` 0 and empty `reactions` if they are missing,
   * because an older server does not send them. @internal
   */
  absolute(message: Message): Message {
    const attachments = message.attachments.map((attachment): Attachment => {
      const { thumbUrl: path, ...others } = attachment;
      const thumbUrl = this.link(path);
      return { ...others, url: this.link(attachment.url) ?? "", ...(thumbUrl === null ? {} : { thumbUrl }) };
    });
    const { rev = 0, reactions = [] } = message;
    return { ...message, rev, reactions, attachments };
  }

  async #change(request: ApiRequest, { signal }: CallOptions): Promise<Message> {
    return this.#observed(await this.#call({ ...request, signal }));
  }

  #observed(answer: ApiResponse): Message {
    const message = this.absolute(answer.json as Message);
    this.#observer.messages([message]);
    return message;
  }

  #identified(me: Me): Me {
    this.#transport.identify(me.id);
    return this.#withPicture(me);
  }

  #withPicture<T extends { avatarUrl?: string }>(of: T): T {
    const { avatarUrl: path, ...others } = of;
    const avatarUrl = this.link(path);
    return { ...others, ...(avatarUrl === null ? {} : { avatarUrl }) } as T;
  }

  async #get<T>(path: string, query: Record<string, string | number | boolean>, options: CallOptions): Promise<T> {
    const text = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) text.set(name, String(value));
    const search = text.toString() === "" ? "" : `?${text}`;
    return (await this.#call({ method: "GET", path: path + search, signal: options.signal })).json as T;
  }

  #call(request: ApiRequest): Promise<ApiResponse> {
    return this.#transport.call(request);
  }
}

function list<T>(value: T[]): T[] {
  if (Array.isArray(value)) return value;
  throw new HearthError({
    kind: "protocol",
    code: "unexpected_answer",
    detail: "The server's response lacks a list that it should contain.",
  });
}
