import { type Context, retrying } from "./context.js";
import { HearthError } from "./errors.js";
import type { Files } from "./files.js";
import { transfer } from "./transfer.js";
import type { FileStatusEvent, NewFile, Upload, UploadOptions, UploadProgress } from "./types.js";

/** Tries of each step. A person waits for it, and may try again. */
const TRIES = 5;

/** Uploads a file: announces it, brings its bytes to the storage, and waits until the server has looked at it. */
export function upload(context: Context, files: Files, file: Blob, options: UploadOptions = {}): Upload {
  const controller = new AbortController();
  const { signal } = controller;
  const given = options.signal;
  const follow = () => controller.abort(given?.reason);
  if (given?.aborted) follow();
  given?.addEventListener("abort", follow);
  const forget = context.closing.add(() => controller.abort(context.closing.signal.reason));

  const sent = send(context, file, options, signal);
  const ready = sent.then(async ({ id }) => {
    progress(context, options, { phase: "processing", loaded: file.size, total: file.size });
    await settled(files, id, signal);
    const details = await retrying(context, signal, () => context.api.fileStatus(id, { signal }));
    if (details.status === "ready") return details;
    const detail = details.reason ?? "The server could not make use of the file.";
    throw new HearthError({ kind: "file", code: "file_failed", detail });
  });
  const finished = () => {
    given?.removeEventListener("abort", follow);
    forget();
  };
  // Who awaits one of the two hears of the failure; the other must not count as unhandled.
  sent.catch(() => {});
  ready.then(finished, finished);
  const abort = () => controller.abort(new DOMException("The upload was aborted.", "AbortError"));
  return { sent, ready, abort };
}

async function send(context: Context, file: Blob, options: UploadOptions, signal: AbortSignal): Promise<NewFile> {
  const filename = options.name ?? (file as Partial<File>).name ?? "file";
  const mimetype = options.mimetype ?? (file.type === "" ? "application/octet-stream" : file.type);
  const announced = { filename, mimetype, size: file.size };
  const created = await retrying(context, signal, () => context.api.createFile(announced, { signal }), TRIES);
  const told = (loaded: number) => {
    progress(context, options, { phase: "uploading", loaded: Math.min(loaded, file.size), total: file.size });
  };
  const put = () => transfer(context, { created, file, signal, progress: told });
  await retrying(context, signal, put, TRIES);
  return created.file;
}

/** Fulfilled when the file is ready or failed. */
function settled(files: Files, fileId: string, signal: AbortSignal): Promise<FileStatusEvent> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      stop();
      reject(signal.reason);
    };
    const done = (end: () => void) => {
      signal.removeEventListener("abort", abort);
      end();
    };
    const stop = files.watch(fileId, {
      settled: (event) => done(() => resolve(event)),
      refused: (error) => done(() => reject(error)),
    });
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
  });
}

function progress(context: Context, { onProgress }: UploadOptions, now: UploadProgress): void {
  try {
    onProgress?.(now);
  } catch (error) {
    context.report(error);
  }
}
