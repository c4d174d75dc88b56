import type { HearthError } from "./errors.js";
import type { components } from "./openapi.js";

type Schemas = components["schemas"];

/** A thread, as creating it answers. */
export type Thread = Schemas["Thread"];
/** A thread with the names of its members, index by index with `memberIds`. */
export type ThreadDetails = Schemas["ThreadDetails"];
/** A thread in the list, with its newest message. */
export type ThreadSummary = Schemas["ThreadSummary"];
export type ThreadPage = Schemas["ThreadPage"];
/** A message. Where this library hands one out, `url` and `thumbUrl` of its attachments are absolute. */
export type Message = Schemas["Message"];
export type MessagePage = Schemas["MessagePage"];
export type Attachment = Schemas["Attachment"];
export type Author = Schemas["Author"];
/** A file as its status tells. Where this library hands one out, `url` and `thumbUrl` are absolute. */
export type FileDetails = Schemas["FileDetails"];
/** A file that waits for its bytes or for its inspection. */
export type NewFile = Schemas["NewFile"];
/** `pending`, then `ready` or `failed` for good. */
export type FileStatus = Schemas["FileStatus"];
/** Where the bytes of a new file go. */
export type FileCreated = Schemas["Upload"];
export type WsTicket = Schemas["WsTicket"];
export type FieldError = Schemas["FieldError"];
export type Problem = Schemas["Problem"];
/** The codes that the server answers with. */
export type ErrorCode = Schemas["ErrorCode"];

/** Something that changes: made for React's `useSyncExternalStore` and its like, and for no framework at all. */
export interface Store<T> {
  /** Calls `listener` after each change, until the function that it returns is called. May be passed on unbound. */
  subscribe: (listener: () => void) => () => void;
  /** What is there now: immutable, and the same object until something changes. May be passed on unbound. */
  getSnapshot: () => T;
}

/**
 * How well the live connection stands:
 * - `offline`: there is none; `nextTryAt` says when one is tried, null while nobody needs it.
 * - `connecting`: one is being made.
 * - `catching-up`: it is there, and what was missed is being fetched.
 * - `live`: whatever happens in the threads that are followed is here within moments.
 */
export type ConnectionStatus = "offline" | "connecting" | "catching-up" | "live";

/** The live connection, honestly. */
export interface ConnectionState {
  readonly status: ConnectionStatus;
  /** Milliseconds since 1970 of the next try while `offline`, else null. */
  readonly nextTryAt: number | null;
  /** Why it is not live, where that is known. */
  readonly error: HearthError | null;
}

/** One message as a thread shows it: committed, or on its way out. */
export interface ThreadEntry {
  /** Unique in the thread, and the same from the moment of sending on: fit for a list's `key`. */
  readonly key: string;
  /** `sending` also while it waits for its turn or its next try; `failed` was refused for good; `sent` is committed. */
  readonly state: "sending" | "failed" | "sent";
  readonly body: string;
  readonly attachments: readonly Attachment[];
  /** When it was committed or, until then, when `send` was called: RFC 3339. */
  readonly createdAt: string;
  /** The message once it is committed, else null. */
  readonly message: Message | null;
  /** What went wrong at the last try, while it is not sent. */
  readonly error: HearthError | null;
}

/** What a thread looks like. */
export interface ThreadSnapshot {
  readonly threadId: string;
  /** Title and members; null until they are loaded. */
  readonly thread: ThreadDetails | null;
  /** What to show, oldest first: `messages`, and what is on its way out after them. */
  readonly entries: readonly ThreadEntry[];
  /** The committed messages that are loaded: without a gap, ascending by `seq`. */
  readonly messages: readonly Message[];
  /** False until the newest messages are there. */
  readonly loaded: boolean;
  /** Whether there are messages older than `messages`. */
  readonly hasOlder: boolean;
  readonly loadingOlder: boolean;
  /** Why the newest messages or what was missed are not there yet (it tries again), or never will be (`thread_not_found`). */
  readonly error: HearthError | null;
}

/** A thread to show: what was said, what is said now, and what is on its way out. */
export interface ThreadView extends Store<ThreadSnapshot> {
  readonly threadId: string;
  /**
   * Puts a message into the outbox and shows it at once; returns its `key`. It is sent after those before it, and tried
   * again until it is committed or refused for good. At most 8 000 characters, empty only with files, and 10 files:
   * what passes these limits the server refuses, and the entry fails.
   */
  send(body: string, files?: readonly OutgoingFile[]): string;
  /** Sends a `failed` entry again. False where there is none of that key. */
  retry(key: string): boolean;
  /** Forgets a `failed` entry, or one that was never tried. False where it may have been committed, or is not there. */
  discard(key: string): boolean;
  /** Loads one more page of older messages. Calls while one is loading share it. Rejects with a {@link HearthError}. */
  loadOlder(): Promise<void>;
  /** Asks anew how an attachment stands, and for fresh URLs: they run out after 6 hours or more. */
  refreshFile(fileId: string): Promise<void>;
  /** Follows the thread no longer. What is in the outbox is sent nevertheless. */
  close(): void;
}

/** A file to go with a message. What is known beyond the id is shown until the message is committed. */
export interface OutgoingFile {
  readonly id: string;
  readonly name?: string;
  readonly mimetype?: string;
  /** Bytes. */
  readonly size?: number;
  /** What an `<img>` may show meanwhile, such as an object URL. Not kept over a reload. */
  readonly previewUrl?: string;
}

/** What the list of threads looks like. */
export interface ThreadListSnapshot {
  /** Most recently active first, each with its newest message. */
  readonly threads: readonly ThreadSummary[];
  /** False until the first page is there. */
  readonly loaded: boolean;
  /** Whether a page is being fetched. */
  readonly loading: boolean;
  readonly hasMore: boolean;
  readonly error: HearthError | null;
}

/**
 * The caller's threads, live: their newest messages are heard. That somebody made a new thread is not pushed by the
 * server, so the first page is asked for again now and then, and whenever the connection or the page comes back.
 */
export interface ThreadList extends Store<ThreadListSnapshot> {
  /** Loads the next page. Calls while one is loading share it. Rejects with a {@link HearthError}. */
  loadMore(): Promise<void>;
  /** Asks for the first page again. Rejects with a {@link HearthError}. */
  refresh(): Promise<void>;
  close(): void;
}

export interface UploadOptions {
  /** Is told how far it is. Where there is no XMLHttpRequest, only at the beginning and the end of the transfer. */
  onProgress?: (progress: UploadProgress) => void;
  /** Aborts the upload. */
  signal?: AbortSignal;
  /** What the file is called: 1 to 255 characters, no path. By default a `File`'s own name, else `file`. */
  name?: string;
  /** Its media type. By default the blob's own, else `application/octet-stream`. */
  mimetype?: string;
}

export interface UploadProgress {
  /** `uploading`, then `processing` until the server has looked at it. */
  readonly phase: "uploading" | "processing";
  /** Bytes that are gone, of `total`. */
  readonly loaded: number;
  readonly total: number;
}

/** An upload under way. */
export interface Upload {
  /** Fulfilled when the server's storage has the bytes. From then on a message may carry the file. */
  readonly sent: Promise<NewFile>;
  /**
   * Fulfilled when the file can be fetched. Rejected with a {@link HearthError}: `code` is `file_failed`, and `detail`
   * the reason, where the server could not make use of the file. After an abort both reject with the signal's reason.
   */
  readonly ready: Promise<FileDetails>;
  /** Gives up. What is there already of the file is removed by the server in time. */
  abort(): void;
}

/** A `file:status` event. */
export interface FileStatusEvent {
  readonly fileId: string;
  readonly status: FileStatus;
  /** Absolute, or null where there is no thumbnail. */
  readonly thumbUrl: string | null;
}

/** What follows a thread. */
export interface ThreadListener {
  /** Each message once, in the order of `seq`. */
  onMessage(message: Message): void;
  /** It cannot go on (`thread_not_found`): nothing comes any more. */
  onError?(error: HearthError): void;
}

/** Where a bearer token comes from. `renew` is true when the last one was refused or is about to run out. */
export type TokenProvider = (options: { renew: boolean }) => string | Promise<string>;

/** The part of Web Storage that keeps the outbox: `localStorage` fits. */
export type OutboxStorage = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

export interface HearthOptions {
  /** The API's base URL, such as `https://abc.execute-api.eu-central-1.amazonaws.com`. */
  apiUrl: string;
  /** The socket's URL, with its stage: `wss://def.execute-api.eu-central-1.amazonaws.com/live`. */
  wsUrl: string;
  token: TokenProvider;
  /**
   * Keeps what is in the outbox over a reload. `key` is the prefix of its items' names, and has to tell users apart:
   * what it finds there, it sends in the name of whoever is signed in.
   */
  outbox?: { storage: OutboxStorage; key: string };
  /** Is told what nobody else is: a listener that threw, a storage that is full. By default `console.error`. */
  onError?: (error: unknown) => void;
  /** Milliseconds. */
  timing?: Partial<Timing>;
  /** What the platform gives, for tests and for where there is none of it: Node 20 has no global WebSocket. */
  environment?: Partial<Environment>;
}

/** Milliseconds each. */
export interface Timing {
  /** A request to the API without an answer fails: 30 000. */
  request: number;
  /** An upload that makes no progress fails: 60 000. Only where there is XMLHttpRequest. */
  uploadStall: number;
  /** A socket that does not open is given up: 15 000. */
  open: number;
  /** A frame without an answer (`subscribed`, `pong`) is asked again, then the socket is given up: 5 000. */
  answer: number;
  /** After so long without a frame, ping: 240 000. API Gateway closes a socket that is idle for 600 000. */
  ping: number;
  /** A socket is replaced by a new one at this age: 6 600 000 (110 minutes). API Gateway closes it at 120 minutes. */
  socketAge: number;
  /** Waits between tries grow from `backoffBase` (1 000) to `backoffMax` (30 000), each with full jitter. */
  backoffBase: number;
  backoffMax: number;
  /** A message that overtook another is held back so long before the missing one is fetched: 300. */
  reorder: number;
  /** How often the list of threads is asked for again while the page is visible: 120 000. */
  listRefresh: number;
}

/** The part of `fetch` that is used. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchResponse>;

export interface FetchInit {
  method: string;
  headers: Record<string, string>;
  body?: string | Blob;
  signal: AbortSignal;
}

export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}

/** The part of a WebSocket that is used. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export interface Environment {
  fetch: Fetch;
  /** Null where the platform has none: then REST and uploads work, and following does not. */
  WebSocket: (new (url: string) => SocketLike) | null;
  /** For progress of uploads; without it they go by `fetch`. */
  XMLHttpRequest: (new () => XMLHttpRequest) | null;
  /** Calls `callback` once after so many milliseconds, unless the function that it returns is called before. */
  schedule: (callback: () => void, milliseconds: number) => () => void;
  /** Milliseconds since 1970. */
  now: () => number;
  /** From 0 to below 1. */
  random: () => number;
  /** A new idempotency key: at most 128 visible ASCII characters, never the same again. */
  uuid: () => string;
  /** Where `online` and `offline` come from. */
  window: (EventTarget & { readonly navigator?: { readonly onLine: boolean } }) | null;
  /** Where `visibilitychange` comes from. */
  document: (EventTarget & { readonly visibilityState: string }) | null;
}
