import { type ApiObserver, HearthApi } from "./api.js";
import { CloseNotifier, type Context, Notifier, withRetries } from "./context.js";
import { environmentOf, timingOf } from "./environment.js";
import type { HearthError } from "./errors.js";
import { Transport } from "./http.js";
import { Inbox } from "./inbox.js";
import { limits } from "./limits.js";
import { LiveConnection } from "./live-connection.js";
import type { Notifications } from "./notification-types.js";
import { PushNotifications } from "./notifications.js";
import { Outbox } from "./outbox.js";
import { PendingFiles } from "./pending-files.js";
import { ReadMarks } from "./read-marks.js";
import { SettingsChanges } from "./settings-changes.js";
import { callSafely } from "./store.js";
import { ThreadFollower } from "./thread-follower.js";
import { LiveThreadList } from "./thread-list.js";
import { ThreadModel } from "./thread-model.js";
import { LiveThread } from "./thread-view.js";
import type {
  ConnectionState,
  FileStatusEvent,
  HearthOptions,
  Me,
  Person,
  Store,
  ThreadList,
  ThreadListener,
  ThreadView,
  Upload,
  UploadOptions,
} from "./types.js";
import { FileUpload, PATIENCE } from "./upload.js";

/**
 * A client of the Hearth server. Create one per signed-in user, and call {@link signOut} when the session ends. It is
 * connected by a WebSocket while it has an open thread list, open threads, or threads passed to {@link follow}.
 */
export class HearthClient {
  /**
   * The REST calls. A failed call is not retried, with one exception: after a 401, the client renews the token and
   * sends the request once more. It does the same after a network error if the token may have expired, because API
   * Gateway sends its 401 without CORS headers, and a browser reports this as a network error.
   */
  readonly api: HearthApi;
  /**
   * The state of the live connection: whether the WebSocket is open, and whether the thread list, open threads and
   * threads passed to {@link follow} are up to date.
   */
  readonly connection: Store<ConnectionState>;
  /** The user's push notifications on this device. */
  readonly notifications: Notifications;
  readonly #context: Context;
  readonly #transport: Transport;
  readonly #live: LiveConnection;
  readonly #files: PendingFiles;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  readonly #marks: ReadMarks;
  readonly #settings: SettingsChanges;
  readonly #notifications: PushNotifications;
  readonly #maxFileBytes: number;
  #signedOut: Promise<void> | null = null;
  readonly #closing = new CloseNotifier();
  readonly #open = new Set<{ close(): void }>();

  constructor(options: HearthOptions) {
    const env = environmentOf(options.environment);
    const timing = timingOf(options.timing);
    const closing = this.#closing;
    const report = options.onError ?? ((error: unknown) => console.error(error));
    this.#maxFileBytes = options.maxFileBytes ?? limits.fileBytes;
    this.#transport = new Transport(options.apiUrl, options.token, env, timing.request, closing);
    const observer: ApiObserver = {
      // An exception in the inbox must not reject the API call: the call has succeeded, and the server may have stored
      // a message. The exception goes to `onError`.
      thread: (thread, created) => callSafely(report, () => this.#inbox.thread(thread, created)),
      messages: (messages) => callSafely(report, () => this.#inbox.messages(messages)),
    };
    this.api = new HearthApi(this.#transport, observer);
    const network = new Notifier();
    this.#context = { api: this.api, env, timing, closing, network, report };
    this.#live = new LiveConnection(this.#context, this.#transport, options.wsUrl);
    this.connection = this.#live.store;
    this.#files = new PendingFiles(this.#context);
    this.#outbox = new Outbox(this.#context, options.outbox);
    const model = new ThreadModel(() => this.#transport.userId);
    this.#settings = new SettingsChanges(this.#context, model);
    this.#marks = new ReadMarks(this.#context, model);
    this.#inbox = new Inbox(this.#context, this.#transport, this.#live, model, this.#settings);
    this.#notifications = new PushNotifications(this.#context, options.notifications);
    this.notifications = this.#notifications;
    this.onFileStatus((event) => this.#files.record(event));
    this.#live.onResubscribed(() => {
      this.#files.checkAll();
      this.#marks.storeNow();
      network.notify();
    });
    env.window?.addEventListener("online", () => network.notify(), { signal: closing.signal });
  }

  /**
   * The caller's user ID: the `sub` of the latest token, or if the token is not a JWT, the ID in the answer of
   * `api.me()`. Null until one of them is known.
   */
  get userId(): string | null {
    return this.#transport.userId ?? null;
  }

  /** Opens a thread. Each call returns a new view; close it when it is no longer shown. */
  openThread(threadId: string): ThreadView {
    const view = new LiveThread(threadId, {
      context: this.#context,
      live: this.#live,
      inbox: this.#inbox,
      marks: this.#marks,
      files: this.#files,
      outbox: this.#outbox,
      callerId: () => this.#transport.userId,
    });
    return this.#opened(view);
  }

  /**
   * Opens the list of the caller's threads that are not archived, or with `archived: true`, the list of the archived
   * threads. Close the list when it is no longer needed.
   */
  openThreadList(options: { archived?: boolean } = {}): ThreadList {
    return this.#opened(new LiveThreadList(this.#context, this.#inbox, options.archived ?? false));
  }

  /**
   * Archives a thread for the caller, or unarchives it if `archived` is false. An archived thread stays archived when
   * messages arrive. Snapshots contain the change at once. The client retries until the server has stored the change,
   * and then resolves. After a permanent error, it rejects, and snapshots contain the old setting again. It rejects
   * with an `AbortError` if the client is closed before the change is stored.
   */
  setArchived(threadId: string, archived: boolean): Promise<void> {
    return this.#settings.add(threadId, { archived });
  }

  /**
   * Mutes a thread for the caller until a time (RFC 3339); null unmutes the thread. Unread messages of a muted thread
   * do not count in `ThreadListSnapshot.unread`. Snapshots contain the change at once. The client retries, resolves and
   * rejects in the same cases as {@link setArchived}.
   */
  mute(threadId: string, until: string | null): Promise<void> {
    return this.#settings.add(threadId, { mutedUntil: until });
  }

  /** Returns everybody whom the caller may write to, by name, the caller included. */
  async people(): Promise<Person[]> {
    const all: Person[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await this.api.people({ limit: 100, ...(cursor === undefined ? {} : { cursor }) });
      all.push(...page.people);
      cursor = page.nextCursor;
    }
    return all;
  }

  /**
   * Uploads a file. While the network is down, the upload waits, and then continues by itself. The promises of the
   * upload reject at once with a {@link HearthError} if the file is empty (`file_empty`) or larger than the option
   * `maxFileBytes` (`file_too_large`).
   */
  upload(file: Blob, options?: UploadOptions): Upload {
    return new FileUpload({ context: this.#context, files: this.#files, maxBytes: this.#maxFileBytes }, file, options);
  }

  /**
   * Sets the caller's picture: uploads the image, waits until the server has inspected it, and makes it the picture.
   * Null removes the picture. Returns the caller's profile. Rejects with the errors of {@link upload}, and with
   * `invalid_request` if the file is not an image.
   */
  async setAvatar(image: Blob | null, options: UploadOptions = {}): Promise<Me> {
    const avatarFileId = image === null ? null : (await this.upload(image, options).ready).id;
    const signal = options.signal ?? this.#closing.signal;
    return await withRetries(this.#context, signal, () => this.api.updateMe({ avatarFileId }, { signal }), PATIENCE);
  }

  /**
   * Calls `listener` once for every message of a thread with a `seq` larger than `after`, in the order of `seq`. If
   * `after` is 0, these are all messages. Without `after`, these are the messages that are committed after this call.
   * Keeps no messages in memory. Returns a function that ends the calls.
   */
  follow(threadId: string, listener: ThreadListener, after?: number): () => void {
    const newest = async (signal: AbortSignal) => {
      const { messages } = await this.api.messages(threadId, { limit: 1 }, { signal });
      return messages[0]?.seq ?? 0;
    };
    const follower = new ThreadFollower(this.#context, this.#live, threadId, {
      findStart: after === undefined ? newest : async () => after,
      message: (message) => listener.onMessage(message),
      eventsMissed: () => {},
      delayed: () => {},
      stopped: (error: HearthError) => listener.onError?.(error),
    });
    const opened = { close: () => follower.stop() };
    this.#open.add(opened);
    return () => {
      this.#open.delete(opened);
      follower.stop();
    };
  }

  /**
   * Calls `listener` for each `file:status` event of the caller's own files, and of files in open threads and threads
   * passed to {@link follow}. The same event may arrive twice. While the client is disconnected, no events arrive.
   * Returns a function that removes the listener.
   */
  onFileStatus(listener: (event: FileStatusEvent) => void): () => void {
    return this.#live.onPush((push) => {
      if (push.event === "file:status") listener(push.data);
    });
  }

  /**
   * Connects and sends the messages and changes in the outbox now, instead of waiting for the next retry. If connected,
   * checks that the connection still works.
   */
  reconnectNow(): void {
    this.#live.reconnectNow();
    this.#context.network.notify();
  }

  /**
   * Returns the number of messages and changes that are not sent yet or could not be sent, in all threads. With the
   * option `outbox`, also counts the messages and changes that other tabs have stored.
   */
  unsentMessages(): number {
    return this.#outbox.unsent;
  }

  /**
   * Closes the client like {@link close}, and ends notifications on this device. Resolves when the browser receives no
   * more notifications, after five seconds at the latest (`timing.answer`). A page need not wait for this. Call it
   * whenever a session ends, also if the token is not valid any more: otherwise the device shows notifications of this
   * user's messages to its next user.
   */
  async signOut(options: { discardUnsent?: boolean } = {}): Promise<void> {
    this.#signedOut ??= this.#notifications.signOut();
    this.close(options);
    await this.#signedOut;
  }

  /**
   * Sends the read marks that are not stored yet, closes the socket and all views, and cancels all timers. The next
   * client with the same `outbox` option sends the unsent messages and changes; without this option, they are lost.
   * `discardUnsent` removes them from the storage, including those that other tabs have stored. A message or change
   * that is being sent may still be committed.
   */
  close(options: { discardUnsent?: boolean } = {}): void {
    this.#marks.close();
    this.#closing.close();
    if (options.discardUnsent) this.#outbox.discardAll();
    for (const opened of this.#open) opened.close();
    this.#open.clear();
    this.#files.close();
    this.#live.close();
  }

  #opened<T extends { close(): void }>(view: T): T {
    this.#open.add(view);
    const close = view.close.bind(view);
    view.close = () => {
      this.#open.delete(view);
      close();
    };
    return view;
  }
}
