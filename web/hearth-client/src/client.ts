import { HearthApi } from "./api.js";
import { Closing, type Context } from "./context.js";
import { environmentOf, timingOf } from "./environment.js";
import type { HearthError } from "./errors.js";
import { Feed } from "./feed.js";
import { Files } from "./files.js";
import { Transport } from "./http.js";
import { Live } from "./live.js";
import { Outbox } from "./outbox.js";
import { LiveThreadList } from "./thread-list.js";
import { LiveThread } from "./thread-view.js";
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
import { upload } from "./upload.js";

/**
 * A client of Hearth: one for each user that is signed in. It connects when something is followed, stays connected, and
 * leaves nothing behind after {@link close}.
 */
export class HearthClient {
  /** The REST calls, each on its own: nothing is tried again but a 401, once, with a renewed token. */
  readonly api: HearthApi;
  /** How well the live connection stands. */
  readonly connection: Store<ConnectionState>;
  readonly #context: Context;
  readonly #transport: Transport;
  readonly #live: Live;
  readonly #files: Files;
  readonly #outbox: Outbox;
  readonly #closing = new Closing();
  readonly #open = new Set<{ close(): void }>();

  constructor(options: HearthOptions) {
    const env = environmentOf(options.environment);
    const timing = timingOf(options.timing);
    const closing = this.#closing;
    const report = options.onError ?? ((error: unknown) => console.error(error));
    this.#transport = new Transport(options.apiUrl, options.token, env, timing.request, closing);
    this.api = new HearthApi(this.#transport, (thread) => {
      for (const opened of this.#open) if (opened instanceof LiveThreadList) opened.add(thread);
    });
    this.#context = { api: this.api, env, timing, closing, report };
    this.#live = new Live(this.#context, this.#transport, options.wsUrl);
    this.connection = this.#live.store;
    this.#files = new Files(this.#context);
    this.#outbox = new Outbox(this.#context, options.outbox);
    this.#live.onFile((event) => this.#files.heard(event));
    this.#live.onBack(() => {
      this.#files.askAll();
      this.#outbox.nudge();
    });
    env.window?.addEventListener("online", () => this.#outbox.nudge(), { signal: closing.signal });
  }

  /** The caller's user id as the latest token tells, or null before the first call or where it is no JWT. */
  get userId(): string | null {
    return this.#transport.claims.sub ?? null;
  }

  /** Opens a thread to show. Each call is a view of its own; close it when it is not shown any more. */
  openThread(threadId: string): ThreadView {
    const view = new LiveThread(threadId, {
      context: this.#context,
      live: this.#live,
      files: this.#files,
      outbox: this.#outbox,
      me: () => this.#transport.claims.sub,
    });
    return this.#opened(view);
  }

  /** Opens the list of threads. Close it when it is not needed any more. */
  openThreadList(): ThreadList {
    return this.#opened(new LiveThreadList(this.#context, this.#live));
  }

  /** Uploads a file, of 25 MiB at most unless the server is set up otherwise. */
  upload(file: Blob, options?: UploadOptions): Upload {
    return upload(this.#context, this.#files, file, options);
  }

  /**
   * Hears a thread without keeping it: every message after `after` (0: all; not given: after this call), each once, in
   * the order of `seq`. Returns what ends it.
   */
  follow(threadId: string, listener: ThreadListener, after?: number): () => void {
    const newest = async (signal: AbortSignal) => {
      const { messages } = await this.api.messages(threadId, { limit: 1 }, { signal });
      return messages[0]?.seq ?? 0;
    };
    const feed = new Feed(this.#context, this.#live, threadId, {
      locate: after === undefined ? newest : async () => after,
      message: (message) => listener.onMessage(message),
      trouble: () => {},
      ended: (error: HearthError) => listener.onError?.(error),
    });
    const end = { close: () => feed.stop() };
    this.#open.add(end);
    return () => {
      this.#open.delete(end);
      feed.stop();
    };
  }

  /**
   * Hears of the caller's own files and those in the threads that are followed, while anything is followed at all; twice
   * perhaps. Returns what ends it.
   */
  onFileStatus(listener: (event: FileStatusEvent) => void): () => void {
    return this.#live.onFile(listener);
  }

  /** Connects now, where the next try is still to come; sends now what waits for its next try. */
  reconnectNow(): void {
    this.#live.nudge();
    this.#outbox.nudge();
  }

  /** Ends everything: socket, timers, views. The outbox stops; what is in its storage is sent by the next client. */
  close(): void {
    this.#closing.close();
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
