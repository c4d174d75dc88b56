import { type Context, type Patience, withRetries } from "./context.js";
import { HearthError } from "./errors.js";
import type { PendingFiles } from "./pending-files.js";
import { callSafely, LazyStore } from "./store.js";
import { transfer } from "./transfer.js";
import type {
  FileCreated,
  FileDetails,
  FileStatusEvent,
  NewFile,
  Store,
  Upload,
  UploadOptions,
  UploadProgress,
} from "./types.js";

/**
 * How long to retry a request for which a person waits, and which the person can repeat. A request is not retried if
 * the quota of a day is used up, because its `Retry-After` is then hours. Attempts without an answer do not count: an
 * upload continues by itself when the network is back.
 */
export const PATIENCE: Patience = { attempts: 5, retryAfter: 60_000 };

export interface UploadDeps {
  context: Context;
  files: PendingFiles;
  /** Maximum size of a file in bytes. */
  maxBytes: number;
}

/** Uploads a file: creates its record, sends its bytes to the storage, and waits until the server has inspected it. */
export class FileUpload implements Upload {
  readonly sent: Promise<NewFile>;
  readonly ready: Promise<FileDetails>;
  readonly progress: Store<UploadProgress>;
  readonly #deps: UploadDeps;
  readonly #file: Blob;
  readonly #options: UploadOptions;
  readonly #controller = new AbortController();
  readonly #store: LazyStore<UploadProgress>;
  #progress: UploadProgress;

  constructor(deps: UploadDeps, file: Blob, options: UploadOptions = {}) {
    this.#deps = deps;
    this.#file = file;
    this.#options = options;
    this.#progress = { phase: "uploading", loaded: 0, total: file.size, error: null };
    const { closing, report } = deps.context;
    this.#store = new LazyStore(() => this.#progress, report);
    this.progress = this.#store;
    const given = options.signal;
    const follow = () => this.#controller.abort(given?.reason);
    if (given?.aborted) follow();
    given?.addEventListener("abort", follow);
    const forget = closing.add(() => this.#controller.abort(closing.signal.reason));

    this.sent = this.#send();
    this.ready = this.sent.then(({ id }) => this.#outcome(id));
    const cleanUp = () => {
      given?.removeEventListener("abort", follow);
      forget();
    };
    // An application that awaits only one of the two promises must not get an unhandled rejection from the other.
    this.sent.catch(() => {});
    this.ready.then(cleanUp, cleanUp);
  }

  abort(): void {
    this.#controller.abort(new DOMException("The upload was aborted.", "AbortError"));
  }

  /** Uploads the same file again, after an upload that has failed. */
  again(): FileUpload {
    return new FileUpload(this.#deps, this.#file, this.#options);
  }

  async #send(): Promise<NewFile> {
    const { context, maxBytes } = this.#deps;
    const { signal } = this.#controller;
    const file = this.#file;
    if (file.size === 0) throw fileError("file_empty", "The file is empty.");
    if (file.size > maxBytes) throw tooLarge(maxBytes);
    let created: FileCreated | null = null;
    const attempt = async () => {
      if (created !== null && Date.parse(created.expiresAt) <= context.env.now()) created = null;
      const reused = created !== null;
      created ??= await this.#create();
      try {
        await this.#transfer(created);
      } catch (error) {
        // The storage answers 403 if the upload URL has expired while the network was down. Create another record and
        // URL.
        if (!reused || !(error instanceof HearthError) || error.status !== 403) throw error;
        created = await this.#create();
        await this.#transfer(created);
      }
      return created.file;
    };
    const waiting = (error: HearthError) => this.#report({ phase: "waiting", loaded: 0, error });
    return await withRetries(context, signal, attempt, { ...PATIENCE, waiting });
  }

  async #create(): Promise<FileCreated> {
    const { api } = this.#deps.context;
    const { signal } = this.#controller;
    const file = this.#file;
    const filename = this.#options.name ?? (file as Partial<File>).name ?? "file";
    const mimetype = this.#options.mimetype ?? (file.type === "" ? "application/octet-stream" : file.type);
    try {
      return await api.createFile({ filename, mimetype, size: file.size }, { signal });
    } catch (error) {
      const { status = null, errors = [] } = error instanceof HearthError ? error : {};
      if (status === 422 && errors.some(({ field }) => field === "size")) throw tooLarge(null, error);
      throw error;
    }
  }

  async #transfer(created: FileCreated): Promise<void> {
    const { context } = this.#deps;
    const { signal } = this.#controller;
    const file = this.#file;
    const progress = (loaded: number) => this.#report({ phase: "uploading", loaded: Math.min(loaded, file.size) });
    try {
      await transfer(context, { created, file, signal, progress });
    } catch (error) {
      if (error instanceof HearthError && error.kind === "network") await checkReadable(file);
      throw error;
    }
  }

  /** Waits until the file is ready. */
  async #outcome(fileId: string): Promise<FileDetails> {
    const { context, files } = this.#deps;
    const { signal } = this.#controller;
    this.#report({ phase: "processing", loaded: this.#file.size });
    await inspected(files, fileId, signal);
    const details = await withRetries(context, signal, () => context.api.fileStatus(fileId, { signal }));
    if (details.status === "ready") return details;
    throw fileError("file_failed", details.reason ?? "The server could not process the file.");
  }

  #report(progress: Pick<UploadProgress, "phase" | "loaded"> & { error?: HearthError }): void {
    this.#progress = { error: null, total: this.#file.size, ...progress };
    this.#store.changed();
    callSafely(this.#deps.context.report, () => this.#options.onProgress?.(this.#progress));
  }
}

/**
 * Throws if the file cannot be read, for example because it has changed on the disk. Browsers report this like a failure
 * of the network.
 */
async function checkReadable(file: Blob): Promise<void> {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch (cause) {
    throw fileError("file_unreadable", "The file cannot be read. It may have been changed, moved or deleted.", cause);
  }
}

/** Resolves when the file is `ready` or `failed`. Rejects when its status is unavailable or the upload is aborted. */
function inspected(files: PendingFiles, fileId: string, signal: AbortSignal): Promise<FileStatusEvent> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      stop();
      reject(signal.reason);
    };
    const complete = (call: () => void) => {
      signal.removeEventListener("abort", abort);
      call();
    };
    const stop = files.watch(fileId, {
      finished: (event) => complete(() => resolve(event)),
      unavailable: (error) => complete(() => reject(error)),
    });
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
  });
}

function tooLarge(maxBytes: number | null, cause?: unknown): HearthError {
  const limit = maxBytes === null ? "" : ` The limit is ${Math.floor(maxBytes / 2 ** 20)} MiB.`;
  return fileError("file_too_large", `The file is too large.${limit}`, cause);
}

function fileError(
  code: "file_empty" | "file_too_large" | "file_unreadable" | "file_failed",
  detail: string,
  cause?: unknown,
) {
  return new HearthError({ kind: "file", code, detail, cause });
}
