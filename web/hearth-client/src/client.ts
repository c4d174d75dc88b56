import type { HearthApi } from "./api.js";
import type {
  ConnectionState,
  FileStatusEvent,
  HearthOptions,
  Store,
  ThreadList,
  ThreadListener,
  ThreadView,
  Upload,
  UploadOptions,
} from "./types.js";

/**
 * A client of Hearth: one for each user that is signed in. It connects when something is followed, stays connected, and
 * leaves nothing behind after {@link close}.
 */
export declare class HearthClient {
  /** The REST calls, each on its own: nothing is tried again but a 401, once, with a renewed token. */
  readonly api: HearthApi;
  /** How well the live connection stands. */
  readonly connection: Store<ConnectionState>;

  constructor(options: HearthOptions);

  /** Opens a thread to show. Each call is a view of its own; close it when it is not shown any more. */
  openThread(threadId: string): ThreadView;

  /** Opens the list of threads. Close it when it is not needed any more. */
  openThreadList(): ThreadList;

  /** Uploads a file, of 25 MiB at most unless the server is set up otherwise. */
  upload(file: Blob, options?: UploadOptions): Upload;

  /**
   * Hears a thread without keeping it: every message after `after` (0: all; not given: after this call), each once, in
   * the order of `seq`. Returns what ends it.
   */
  follow(threadId: string, listener: ThreadListener, after?: number): () => void;

  /** Hears of the caller's own files and those in the threads that are followed. Returns what ends it. */
  onFileStatus(listener: (event: FileStatusEvent) => void): () => void;

  /** Tries to connect now, where the next try is still to come. */
  reconnectNow(): void;

  /** Ends everything: socket, timers, views. The outbox stops; what is in its storage is sent by the next client. */
  close(): void;
}
