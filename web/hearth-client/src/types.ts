import type { HearthError } from "./errors.js";
import type { NotificationsOptions } from "./notification-types.js";
import type { components } from "./openapi.js";
import type { Environment, Timing } from "./platform-types.js";
import type { Upload, UploadProgress } from "./upload-types.js";

export type * from "./platform-types.js";
export type * from "./upload-types.js";

type Schemas = components["schemas"];

/** A thread, as `createThread` returns it. */
export type Thread = Schemas["Thread"];
/**
 * A thread with its members' names, in the order of `memberIds`, the caller's read mark and settings, and the read
 * marks of the members who share read receipts.
 */
export type ThreadDetails = Schemas["ThreadDetails"];
/** A thread in the thread list, with a preview of its newest message, and the caller's read mark and settings. */
export type ThreadSummary = Schemas["ThreadSummary"];
/** A thread in a thread view, with the caller's read mark and settings. */
export type ThreadInfo = Omit<ThreadDetails, "reads">;
/** The caller's own settings of a thread. */
export type ThreadSettings = Schemas["ThreadSettings"];
/** How far a member has read a thread. */
export type ReadMark = Schemas["ReadMark"];
/** A message in the thread list: at most 200 characters of its body, and attachments without URLs. */
export type MessagePreview = Schemas["MessagePreview"];
/** A user whom the caller may write to. In people that this library returns, `avatarUrl` is absolute. */
export type Person = Schemas["Person"];
/** A page of people. */
export type PeoplePage = Schemas["PeoplePage"];
/** The caller: ID, name, picture, and whether other members see the caller's read marks. `avatarUrl` is absolute. */
export type Me = Schemas["Me"];
/** A page of the thread list. */
export type ThreadPage = Schemas["ThreadPage"];
/** A message. In messages that this library returns, `url` and `thumbUrl` of attachments are absolute. */
export type Message = Schemas["Message"];
/** A message as its replies show it: the start of its text, and whether it was deleted. */
export type Quote = Schemas["Quote"];
/** The members who react to a message with the same emoji. */
export type Reaction = Schemas["Reaction"];
/** The messages that were changed after a revision, or `reset` if the client has to read its messages again. */
export type Changes = Schemas["Changes"];
/** A page of messages. */
export type MessagePage = Schemas["MessagePage"];
/** A file in a message. */
export type Attachment = Schemas["Attachment"];
/** The ID and name of the member who sent a message. */
export type Author = Schemas["Author"];
/** A file with its status. In files that this library returns, `url` and `thumbUrl` are absolute. */
export type FileDetails = Schemas["FileDetails"];
/** A file that was just created: its bytes are not uploaded or not inspected yet. */
export type NewFile = Schemas["NewFile"];
/** A file's status: `pending`, then either `ready` or `failed`, which is final. */
export type FileStatus = Schemas["FileStatus"];
/** A new file, and the request that uploads its bytes. */
export type FileCreated = Schemas["Upload"];
/** A ticket that opens one WebSocket. */
export type WsTicket = Schemas["WsTicket"];
/** The deployment's public key for push subscriptions. */
export type PushKey = Schemas["PushKey"];
/** The ID of a registered push subscription. */
export type RegisteredSubscription = Schemas["PushSubscription"];
/** An invalid field of a request, and what is wrong with it. */
export type FieldError = Schemas["FieldError"];
/** The body of an error response (RFC 9457). */
export type Problem = Schemas["Problem"];
/** The server's error codes. */
export type ErrorCode = Schemas["ErrorCode"];

/** A value that changes. Fits React's `useSyncExternalStore` and similar APIs, and works without a framework. */
export interface Store<T> {
  /**
   * Calls `listener` after each change. Returns a function that removes the listener. May be passed on as a plain
   * function.
   */
  subscribe: (listener: () => void) => () => void;
  /**
   * Returns the current value: immutable, and the same object until it changes. May be passed on as a plain function.
   */
  getSnapshot: () => T;
}

/**
 * The status of the live connection:
 * - `offline`: not connected. `nextTryAt` is the time of the next attempt; null if no thread and no list is open, so
 *   that the client need not connect.
 * - `connecting`: the first socket is being opened.
 * - `catching-up`: connected; subscriptions are being acknowledged, or missed messages fetched.
 * - `live`: connected and up to date. New messages are pushed within moments.
 */
export type ConnectionStatus = "offline" | "connecting" | "catching-up" | "live";

/** The state of the live connection. */
export interface ConnectionState {
  readonly status: ConnectionStatus;
  /** When the next connection attempt starts, in milliseconds since 1970. Null unless the status is `offline`. */
  readonly nextTryAt: number | null;
  /** Why the status is not `live`; null if it is, or if the reason is not known. */
  readonly error: HearthError | null;
}

/** A message in a thread view: committed, or in the outbox. */
export interface ThreadEntry {
  /**
   * Identifies the entry in its thread, and stays the same when the message is committed. Suitable as the `key` of a
   * rendered list element.
   */
  readonly key: string;
  /**
   * - `sending`: it is being sent, or waits to be sent.
   * - `failed`: the server has refused it permanently, or a file could not be uploaded, or it is not sent again because
   *   that could create a duplicate (`maybe_sent`).
   * - `sent`: the server has committed it.
   */
  readonly state: "sending" | "failed" | "sent";
  readonly body: string;
  /**
   * The files, in the order in which they were passed to `send`. Until a file is uploaded, its attachment has an ID that
   * starts with the entry's `key`. The status is `failed` if the upload has failed.
   */
  readonly attachments: readonly Attachment[];
  /** When the message was committed; before that, when `send` was called. RFC 3339. */
  readonly createdAt: string;
  /** The message, once it is committed; null until then. */
  readonly message: Message | null;
  /** The error of the last attempt to send the message; null if there was none, and once the message is committed. */
  readonly error: HearthError | null;
  /**
   * When the message is sent, in milliseconds since 1970, if the caller has sent too many messages and the server
   * refuses more until then (`rate_limited`). Otherwise null.
   */
  readonly nextTryAt: number | null;
  /** The progress of the uploads for which the message waits; null if it does not wait for any. */
  readonly upload: UploadProgress | null;
  /**
   * Whether the server may have stored the message although the client does not know this: the message was sent, and no
   * response has told that it was stored or refused.
   */
  readonly maybeSent: boolean;
  /** The message that this one replies to. Null if it is not a reply, or if the quoted message is not loaded yet. */
  readonly replyTo: Quote | null;
  /** The caller's changes of the message that are not stored, in order: at most one of each kind. */
  readonly changes: readonly MessageChange[];
}

/** A change of a message by the caller that the server has not stored. */
export interface MessageChange {
  /** Identifies the change for `retry` and `discard`. */
  readonly key: string;
  /** What changes. `react` includes the removal of a reaction. */
  readonly kind: "edit" | "remove" | "react";
  /** The new text of an edit; otherwise null. */
  readonly body: string | null;
  /** The emoji of a reaction; null if the reaction is removed, and for other changes. */
  readonly emoji: string | null;
  /**
   * `sending`: being sent, or waiting to be sent. The entry shows the change already. `failed`: refused permanently. The
   * entry shows the message without the change.
   */
  readonly state: "sending" | "failed";
  /** The error of the last attempt; null if there was none. */
  readonly error: HearthError | null;
}

/** The state of a thread view. */
export interface ThreadSnapshot {
  readonly threadId: string;
  /** The thread with its title, its members and the caller's settings; null until it is known. */
  readonly thread: ThreadInfo | null;
  /** The entries to show, oldest first: committed messages, then messages in the outbox. */
  readonly entries: readonly ThreadEntry[];
  /**
   * The loaded committed messages, ascending by `seq`, without gaps. They include the caller's changes that are being
   * sent or wait to be sent.
   */
  readonly messages: readonly Message[];
  /** False until the newest messages are loaded. */
  readonly loaded: boolean;
  /** Whether the thread has older messages than `messages`. */
  readonly hasOlder: boolean;
  readonly loadingOlder: boolean;
  /**
   * The caller's read mark on all devices: messages up to this `seq` are read. It changes at once with `markRead`. Null
   * until it is known.
   */
  readonly readSeq: number | null;
  /** How far each member who shares read receipts has read, the caller included if they share them. */
  readonly reads: readonly ReadMark[];
  /**
   * IDs of the other members who are typing. An ID stays for 15 seconds after the member's last `typing` event, or
   * until a message of the member arrives.
   */
  readonly typing: readonly string[];
  /**
   * Why messages, or the thread's title and members, could not be loaded; null if there is no such error. The view
   * retries, except after a permanent error such as `thread_not_found`.
   */
  readonly error: HearthError | null;
}

/** An open thread: its committed messages, new ones as they arrive, and its messages in the outbox. */
export interface ThreadView extends Store<ThreadSnapshot> {
  readonly threadId: string;
  /**
   * Adds a message to the outbox, shows it immediately, and returns the entry's `key`. The outbox sends a thread's
   * messages in order, and retries each until it is committed or refused permanently. The server refuses more than
   * 8 000 characters, more than 10 files, and an empty body without files; the entry is then `failed`. Files may still be
   * uploading: the message is sent when all files are uploaded, and is `failed` if a file cannot be uploaded. With
   * `replyTo`, the message replies to the message with this `seq`.
   */
  send(body: string, files?: readonly (OutgoingFile | UploadingFile)[], options?: { replyTo?: number }): string;
  /**
   * Replaces the text of a message of the caller. Like all changes, it is added to the outbox, shown immediately, sent
   * after the thread's earlier messages and changes, and retried until it is stored or refused permanently. It replaces
   * an earlier change of the same kind that is not stored. After a permanent error, such as `edit_window_over`, the entry
   * shows the message as before, and the change is `failed` in its `changes`. Returns the key of the change.
   */
  edit(seq: number, body: string): string;
  /**
   * Deletes a message of the caller: its text, files and reactions. Also drops the changes of the message that are not
   * stored. The view shows the deletion, sends it and handles errors as described at {@link edit}. Returns the key of
   * the change.
   */
  remove(seq: number): string;
  /**
   * Sets the caller's reaction to a message, one emoji, which replaces an earlier reaction. The view shows the
   * reaction, sends it and handles errors as described at {@link edit}. Returns the key of the change.
   */
  react(seq: number, emoji: string): string;
  /**
   * Removes the caller's reaction to a message. The view shows the removal, sends it and handles errors as described at
   * {@link edit}. Returns the key of the change.
   */
  unreact(seq: number): string;
  /**
   * Sends a `failed` entry or change again. Uploads a file of the entry again if its upload has failed. Returns false
   * if no failed entry or change has this key, or if files are lost because the page was reloaded
   * (`upload_interrupted`).
   */
  retry(key: string): boolean;
  /**
   * Removes an entry or a change that is not committed, and aborts its uploads. If the server may have stored the entry
   * or change (`maybeSent`), this needs `force`: the client does not send it again, but if the server has stored it, it
   * appears as committed. Returns false if `force` is needed and missing, or if no entry or change has this key.
   */
  discard(key: string, options?: { force?: boolean }): boolean;
  /** Loads a page of older messages. Concurrent calls share one request. Rejects with a {@link HearthError}. */
  loadOlder(): Promise<void>;
  /**
   * Marks messages as read up to `seq`, by default up to the last one in `messages`. Call it for messages that were
   * displayed. The mark never moves back. It takes effect in this client at once, and is stored within about two
   * seconds (`timing.markRead`). It is stored at once when the page is hidden, or when the view or the client is
   * closed.
   */
  markRead(seq?: number): void;
  /**
   * Tells the other members that the caller is typing. Call it on each key press: it sends at most one frame in 10
   * seconds, or in 5 seconds after a sent message.
   */
  setTyping(): void;
  /** Updates an attachment's status and URLs. Use it when an image does not load: URLs expire after 6 to 12 hours. */
  refreshFile(fileId: string): Promise<void>;
  /** Closes the view. Messages and changes in the outbox are still sent. */
  close(): void;
}

/** A file to attach to a message. Only `id` is sent; the other fields are shown until the message is committed. */
export interface OutgoingFile {
  readonly id: string;
  readonly name?: string;
  readonly mimetype?: string;
  /** The file's size in bytes. */
  readonly size?: number;
  /** URL of an image to show until the message is committed, such as an object URL. Not kept across a reload. */
  readonly previewUrl?: string;
}

/**
 * A file to attach to a message while the file is still being uploaded. The message waits in the outbox until the file
 * is uploaded, also while the network is down, and does not delay other messages. When the message is discarded, the
 * outbox aborts the upload.
 */
export interface UploadingFile extends Omit<OutgoingFile, "id"> {
  readonly upload: Upload;
}

/** The state of a thread list. */
export interface ThreadListSnapshot {
  /** The threads to show, most recently active first, each with a preview of its newest message. */
  readonly threads: readonly ThreadSummary[];
  /**
   * The number of unread messages in all threads that are neither archived nor muted now, the same in every list. It is
   * complete once the client has loaded all threads.
   */
  readonly unread: number;
  /** False until the first page is loaded. */
  readonly loaded: boolean;
  /** Whether threads are being loaded. */
  readonly loading: boolean;
  /** Whether there are more threads than `threads`, or not all threads are loaded yet. */
  readonly hasMore: boolean;
  /**
   * Why the list could not be loaded; null if there is no such error. The list retries, except after a permanent error.
   */
  readonly error: HearthError | null;
}

/**
 * The caller's archived threads, or the caller's threads that are not archived. New threads, messages, read marks and
 * settings arrive by push, on all of the caller's devices. After each connect, the client loads all threads once, 100
 * per request.
 */
export interface ThreadList extends Store<ThreadListSnapshot> {
  /** Adds up to 100 threads to `threads`, which has at most 100 at first. */
  loadMore(): void;
  /** Loads all threads of the list again. Rejects with a {@link HearthError}. */
  refresh(): Promise<void>;
  close(): void;
}

/** The data of a `file:status` event, which reports that a file has become `ready` or `failed`. */
export interface FileStatusEvent {
  readonly fileId: string;
  readonly status: FileStatus;
  /** Absolute URL of the thumbnail; null if the file has none. */
  readonly thumbUrl: string | null;
  /**
   * The displayed size of a ready image, in pixels. Missing for other files, and if an older server has not measured
   * it.
   */
  readonly width?: number;
  readonly height?: number;
}

/** The callbacks of `HearthClient.follow`. */
export interface ThreadListener {
  /** Called once per message, in the order of `seq`. */
  onMessage(message: Message): void;
  /** Called when a permanent error, such as `thread_not_found`, ends the calls to `onMessage`. */
  onError?(error: HearthError): void;
}

/** Returns a bearer token: a new one if `renew` is true, because the last token was refused or is about to expire. */
export type TokenProvider = (options: { renew: boolean }) => string | Promise<string>;

/** The part of Web Storage that the outbox uses. `localStorage` fits. */
export type OutboxStorage = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

export interface HearthOptions {
  /** The base URL of the API, such as `https://abc.execute-api.eu-central-1.amazonaws.com`. */
  apiUrl: string;
  /** The WebSocket URL with its stage, such as `wss://def.execute-api.eu-central-1.amazonaws.com/live`. */
  wsUrl: string;
  token: TokenProvider;
  /**
   * Keeps unsent messages and changes across a page reload. `key` is the prefix of the storage items' names. It must be
   * different for each user: the client sends all messages and changes under this prefix as the signed-in user.
   */
  outbox?: { storage: OutboxStorage; key: string };
  /** Lets the user switch on push notifications on this device: `HearthClient.notifications`. */
  notifications?: NotificationsOptions;
  /**
   * Called with errors that are not reported by a rejected promise or a snapshot, such as an exception in a listener or
   * a full outbox storage. The default is `console.error`.
   */
  onError?: (error: unknown) => void;
  /** Maximum size of a file in bytes, if the deployment sets another one than the default, `limits.fileBytes`. */
  maxFileBytes?: number;
  /** Replaces the default values of timeouts and intervals. */
  timing?: Partial<Timing>;
  /**
   * Replaces functions and classes of the platform, for tests and for platforms that lack one. For example, Node 20 has
   * no global WebSocket.
   */
  environment?: Partial<Environment>;
}
