import { HearthError } from "./errors.js";
import type { ApiRequest, ApiResponse, Transport } from "./http.js";
import type {
  Attachment,
  FileCreated,
  FileDetails,
  Message,
  MessagePage,
  Thread,
  ThreadDetails,
  ThreadPage,
  WsTicket,
} from "./types.js";

/** Options that every REST call accepts. */
export interface CallOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** The REST calls. A failed call rejects with a `HearthError`; an aborted one, with its signal's reason. */
export class HearthApi {
  readonly #transport: Transport;
  readonly #created: (thread: Thread) => void;

  /** @internal */
  constructor(transport: Transport, created: (thread: Thread) => void) {
    this.#transport = transport;
    this.#created = created;
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
    this.#created(thread);
    return { thread, created: answer.status === 201 };
  }

  /** Returns a thread with its members' names. */
  async thread(threadId: string, options: CallOptions = {}): Promise<ThreadDetails> {
    return await this.#get<ThreadDetails>(`/api/threads/${encodeURIComponent(threadId)}`, {}, options);
  }

  /** Returns a page of the caller's threads, most recently active first. `limit` is 1 to 100, by default 50. */
  async threads(page: { limit?: number; cursor?: string } = {}, options: CallOptions = {}): Promise<ThreadPage> {
    const { threads, nextCursor } = await this.#get<ThreadPage>("/api/threads", page, options);
    const absolute = list(threads).map((thread) => {
      return { ...thread, lastMessage: thread.lastMessage && this.absolute(thread.lastMessage) };
    });
    return { threads: absolute, nextCursor };
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
    const { messages, nextCursor } = await this.#get<MessagePage>(path, page, options);
    return { messages: list(messages).map((message) => this.absolute(message)), nextCursor };
  }

  /**
   * Sends a message. For at least 7 days, a call with the same `idempotencyKey` and content does not send it again: it
   * returns the same message, and `replayed` is true.
   */
  async send(
    threadId: string,
    message: { body?: string; fileIds?: readonly string[] },
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
    return { message: this.absolute(answer.json as Message), replayed };
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
   * Returns the absolute URL of a path that the server sent. URLs that this library returns are already absolute.
   * Throws a `HearthError` if the URL is neither `http:` nor `https:`.
   */
  resolve(path: string): string {
    return this.#transport.resolve(path);
  }

  /** Returns the absolute URL of `path`, or null if `path` is missing or `resolve` refuses it. @internal */
  link(path: string | null | undefined): string | null {
    if (path == null) return null;
    try {
      return this.resolve(path);
    } catch {
      return null;
    }
  }

  /** Returns the message with absolute URLs in its attachments. @internal */
  absolute(message: Message): Message {
    if (message.attachments.length === 0) return message;
    const attachments = message.attachments.map((attachment): Attachment => {
      const { thumbUrl: path, ...others } = attachment;
      const thumbUrl = this.link(path);
      return { ...others, url: this.link(attachment.url) ?? "", ...(thumbUrl === null ? {} : { thumbUrl }) };
    });
    return { ...message, attachments };
  }

  async #get<T>(path: string, query: Record<string, string | number>, options: CallOptions): Promise<T> {
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
