import type { Context } from "./context.js";
import { HearthError } from "./errors.js";
import { withLock } from "./locks.js";
import type { OutboxFile } from "./outbox-item.js";
import type { OutgoingFile, Upload, UploadingFile, UploadProgress } from "./types.js";
import { FileUpload } from "./upload.js";

export interface UploadsHandler {
  /** Called when a file of an outbox item is uploaded. */
  uploaded(key: string, index: number, id: string): void;
  /** Called when the upload of a file has failed permanently. */
  failed(key: string, index: number, error: HearthError): void;
  /** Called when the progress of an item's uploads has changed. */
  progressed(key: string): void;
}

/**
 * The uploads of files for messages in the outbox. While a tab uploads files of an item, it holds a lock with the
 * item's name, so that other tabs can wait until the uploads have ended.
 */
export class OutboxUploads {
  readonly #context: Context;
  readonly #prefix: string;
  readonly #handler: UploadsHandler;
  /** The uploads of each item, by the index of the file. Kept until all have succeeded, or the item is removed. */
  readonly #uploads = new Map<string, Map<number, Upload>>();

  /** `prefix` is the common start of the items' names in the outbox's storage. */
  constructor(context: Context, prefix: string, handler: UploadsHandler) {
    this.#context = context;
    this.#prefix = prefix;
    this.#handler = handler;
  }

  /** Watches the uploads of an item's files, given by the index of the file, and calls the handler about each. */
  start(key: string, uploads: ReadonlyMap<number, Upload>): void {
    const all = this.#uploads.get(key) ?? new Map<number, Upload>();
    this.#uploads.set(key, all);
    const results = [...uploads].map(([index, upload]) => {
      all.set(index, upload);
      return this.#wait(key, index, upload);
    });
    this.#whileLocked(key, () => Promise.all(results));
  }

  /**
   * Starts the failed uploads of an item again. Returns false if this tab does not have the bytes of a file that is not
   * uploaded, because another tab, or the page before a reload, was given the file.
   */
  restart(key: string, files: readonly OutboxFile[]): boolean {
    const uploadOf = (index: number) => this.#uploads.get(key)?.get(index);
    if (files.some(({ id }, index) => id === null && !(uploadOf(index) instanceof FileUpload))) return false;
    const failed = new Map<number, Upload>();
    for (const [index, { failed: again }] of files.entries()) {
      const upload = uploadOf(index);
      if (again && upload instanceof FileUpload) failed.set(index, upload.again());
    }
    if (failed.size > 0) this.start(key, failed);
    return true;
  }

  /** Returns the progress of all uploads of an item as one; null if it has no uploads. */
  progress(key: string): UploadProgress | null {
    const uploads = [...(this.#uploads.get(key)?.values() ?? [])].map(({ progress }) => progress.getSnapshot());
    if (uploads.length === 0) return null;
    const waiting = uploads.find(({ phase }) => phase === "waiting");
    const sum = (of: "loaded" | "total") => uploads.reduce((total, progress) => total + progress[of], 0);
    const phase = waiting === undefined ? "uploading" : "waiting";
    return { phase, loaded: sum("loaded"), total: sum("total"), error: waiting?.error ?? null };
  }

  /** Forgets the uploads of an item whose files are all uploaded. */
  done(key: string): void {
    this.#uploads.delete(key);
  }

  /** Aborts the uploads of an item. */
  abort(key: string): void {
    const uploads = this.#uploads.get(key);
    this.#uploads.delete(key);
    for (const upload of uploads?.values() ?? []) upload.abort();
  }

  abortAll(): void {
    for (const key of [...this.#uploads.keys()]) this.abort(key);
  }

  /**
   * Calls `ended` when no other tab uploads files of the item any more: all are uploaded, or the other tab was closed.
   */
  whenEnded(key: string, ended: () => void): void {
    this.#whileLocked(key, async () => {
      if (!this.#context.closing.closed) ended();
    });
  }

  async #wait(key: string, index: number, upload: Upload): Promise<void> {
    const current = () => this.#uploads.get(key)?.get(index) === upload && !this.#context.closing.closed;
    const stop = upload.progress.subscribe(() => {
      if (current()) this.#handler.progressed(key);
    });
    try {
      const { id } = await upload.sent;
      if (current()) this.#handler.uploaded(key, index, id);
    } catch (cause) {
      const detail = "The upload was aborted.";
      const aborted = () => new HearthError({ kind: "file", code: "upload_interrupted", detail, cause });
      if (current()) this.#handler.failed(key, index, cause instanceof HearthError ? cause : aborted());
    } finally {
      stop();
    }
  }

  #whileLocked(key: string, task: () => Promise<unknown>): void {
    withLock(this.#context.env, `hearth-outbox ${this.#prefix}${key}`, task).catch(this.#context.report);
  }
}

/** Returns the files of a message as the outbox stores them, and the uploads of the files that are not uploaded yet. */
export function outboxFiles(files: readonly (OutgoingFile | UploadingFile)[]): {
  stored: OutboxFile[];
  uploads: Map<number, Upload>;
} {
  const uploads = new Map<number, Upload>();
  const stored = files.map((file, index): OutboxFile => {
    if ("id" in file) return file;
    const { upload, ...shown } = file;
    uploads.set(index, upload);
    return { size: upload.progress.getSnapshot().total, ...shown, id: null };
  });
  return { stored, uploads };
}
