import type { HearthError } from "./errors.js";
import type { FileDetails, NewFile, Store } from "./types.js";

export interface UploadOptions {
  /**
   * Called with the upload's progress after each change. Without XMLHttpRequest, the number of bytes sent changes only
   * at the start and the end of the transfer.
   */
  onProgress?: (progress: UploadProgress) => void;
  /** Aborts the upload. */
  signal?: AbortSignal;
  /** The file name: 1 to 255 characters, without a path. By default the name of the `File`, or `file` for a `Blob`. */
  name?: string;
  /** The file's media type. By default that of the `Blob`, or `application/octet-stream` if it has none. */
  mimetype?: string;
}

export interface UploadProgress {
  /**
   * `uploading` while bytes are sent, then `processing` while the server inspects the file. `waiting` before a retry,
   * which follows by itself.
   */
  readonly phase: "uploading" | "waiting" | "processing";
  /** Bytes sent so far, of `total`. A retry starts again from 0. */
  readonly loaded: number;
  readonly total: number;
  /** Why the upload is `waiting`; otherwise null. */
  readonly error: HearthError | null;
}

/** An upload in progress. */
export interface Upload {
  readonly progress: Store<UploadProgress>;
  /** Resolves when the file's bytes are stored. From then on, a message may contain the file. */
  readonly sent: Promise<NewFile>;
  /**
   * Resolves when the file is `ready`. Rejects with a {@link HearthError}; if the server could not process the file,
   * its `code` is `file_failed` and `detail` is the reason. Another attempt can succeed only if the error is `retryable`.
   * After an abort, `sent` and `ready` reject with the signal's reason.
   */
  readonly ready: Promise<FileDetails>;
  /** Aborts the upload. The server removes the incomplete file later. */
  abort(): void;
}
