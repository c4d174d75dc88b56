import { type Context, type Patience, withRetries } from "./context.js";
import { HearthError } from "./errors.js";
import type { PendingFiles } from "./pending-files.js";
import { callSafely } from "./store.js";
import { transfer } from "./transfer.js";
import type { FileStatusEvent, NewFile, Upload, UploadOptions, UploadProgress } from "./types.js";

/**
 * How long to try to create a file's record, and then to send its bytes. Limited, because a person waits and can start
 * the upload again. A quota per day has a `Retry-After` of hours.
 */
const PATIENCE: Patience = { attempts: 5, retryAfter: 60_000 };

/** Uploads a file: creates its record, sends its bytes to the storage, and waits until the server has inspected it. */
export function upload(context: Context, files: PendingFiles, file: Blob, options: UploadOptions = {}): Upload {
  const controller = new AbortController();
  const { signal } = controller;
  const given = options.signal;
  const follow = () => controller.abort(given?.reason);
  if (given?.aborted) follow();
  given?.addEventListener("abort", follow);
  const forget = context.closing.add(() => controller.abort(context.closing.signal.reason));

  const sent = send(context, file, options, signal);
  const ready = sent.then(async ({ id }) => {
    reportProgress(context, options, { phase: "processing", loaded: file.size, total: file.size });
    await outcome(files, id, signal);
    const details = await withRetries(context, signal, () => context.api.fileStatus(id, { signal }));
    if (details.status === "ready") return details;
    const detail = details.reason ?? "The server could not process the file.";
    throw new HearthError({ kind: "file", code: "file_failed", detail });
  });
  const cleanUp = () => {
    given?.removeEventListener("abort", follow);
    forget();
  };
  // An application that awaits only one of the two promises must not get an unhandled rejection from the other.
  sent.catch(() => {});
  ready.then(cleanUp, cleanUp);
  const abort = () => controller.abort(new DOMException("The upload was aborted.", "AbortError"));
  return { sent, ready, abort };
}

async function send(context: Context, file: Blob, options: UploadOptions, signal: AbortSignal): Promise<NewFile> {
  const filename = options.name ?? (file as Partial<File>).name ?? "file";
  const mimetype = options.mimetype ?? (file.type === "" ? "application/octet-stream" : file.type);
  const request = { filename, mimetype, size: file.size };
  const created = await withRetries(context, signal, () => context.api.createFile(request, { signal }), PATIENCE);
  const progress = (loaded: number) => {
    reportProgress(context, options, { phase: "uploading", loaded: Math.min(loaded, file.size), total: file.size });
  };
  const put = () => transfer(context, { created, file, signal, progress });
  await withRetries(context, signal, put, PATIENCE);
  return created.file;
}

/** Resolves when the file is `ready` or `failed`. Rejects when its status is unavailable or the upload is aborted. */
function outcome(files: PendingFiles, fileId: string, signal: AbortSignal): Promise<FileStatusEvent> {
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

function reportProgress(context: Context, { onProgress }: UploadOptions, progress: UploadProgress): void {
  callSafely(context.report, () => onProgress?.(progress));
}
