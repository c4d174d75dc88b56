import type {
  FileCreated,
  FileDetails,
  Message,
  MessagePage,
  Thread,
  ThreadDetails,
  ThreadPage,
  WsTicket,
} from "./types.js";

export interface CallOptions {
  signal?: AbortSignal;
}

/** The REST calls. Each rejects with a `HearthError`, or with the signal's reason after an abort. */
export declare class HearthApi {
  /** Creates, or finds, the thread of exactly these members and the caller: 90 at most, title of 100 characters at most. */
  createThread(
    memberIds: readonly string[],
    title?: string,
    options?: CallOptions,
  ): Promise<{ thread: Thread; created: boolean }>;

  /** The thread with its members' names. */
  thread(threadId: string, options?: CallOptions): Promise<ThreadDetails>;

  /** A page of the caller's threads, most recently active first. `limit` from 1 to 100, by default 50. */
  threads(page?: { limit?: number; cursor?: string }, options?: CallOptions): Promise<ThreadPage>;

  /** A page of messages, newest first; with `after`, those behind that `seq`, oldest first. */
  messages(
    threadId: string,
    page?: { limit?: number; cursor?: string; after?: number },
    options?: CallOptions,
  ): Promise<MessagePage>;

  /**
   * Sends a message. With the same `idempotencyKey` and content it answers with the same message for at least 7 days,
   * and `replayed` is true.
   */
  send(
    threadId: string,
    message: { body?: string; fileIds?: readonly string[] },
    options?: CallOptions & { idempotencyKey?: string },
  ): Promise<{ message: Message; replayed: boolean }>;

  /** Announces a file; then its bytes go to `uploadUrl`. `HearthClient.upload` does all of it. */
  createFile(file: { filename: string; mimetype: string; size: number }, options?: CallOptions): Promise<FileCreated>;

  /** How a file stands. */
  fileStatus(fileId: string, options?: CallOptions): Promise<FileDetails>;

  /** A ticket for one socket. */
  wsTicket(options?: CallOptions): Promise<WsTicket>;

  /** The absolute URL of a path that the API gave. What this library hands out is absolute already. */
  resolve(path: string): string;
}
