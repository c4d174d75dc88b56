import type { Context } from "./context.js";
import { HearthError } from "./errors.js";
import { parseRetryAfter, withTimeout } from "./http.js";
import type { FileCreated } from "./types.js";

export interface Transfer {
  created: FileCreated;
  file: Blob;
  signal: AbortSignal;
  /** Called with the number of bytes sent so far. */
  progress: (loaded: number) => void;
}

/**
 * Sends a file's bytes to the file storage. Uses XMLHttpRequest where available, because `fetch` reports no progress.
 */
export async function transfer(context: Context, task: Transfer): Promise<void> {
  const { env } = context;
  task.progress(0);
  const { status, text, retryAfter } =
    env.XMLHttpRequest === null ? await byFetch(context, task) : await byXhr(context, env.XMLHttpRequest, task);
  if (status < 200 || status > 299) throw storageError(status, text, parseRetryAfter(retryAfter, env.now()));
  task.progress(task.file.size);
}

interface TransferResult {
  status: number;
  text: string;
  /** The response's `Retry-After` header, or null. */
  retryAfter: string | null;
}

/** Timeout of an upload by `fetch`, in milliseconds. The upload URL is valid for 15 minutes, half of this time. */
const MAX_TRANSFER_TIME = 30 * 60_000;

function byFetch({ env, closing }: Context, { created, file, signal }: Transfer): Promise<TransferResult> {
  return withTimeout(env, MAX_TRANSFER_TIME, signal, closing, async (signal) => {
    const { method, headers } = created;
    const response = await env.fetch(created.uploadUrl, { method, headers, body: file, signal });
    return { status: response.status, text: await response.text(), retryAfter: response.headers.get("retry-after") };
  });
}

function byXhr({ env, timing }: Context, Xhr: new () => XMLHttpRequest, task: Transfer): Promise<TransferResult> {
  const { created, file, signal, progress } = task;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const xhr = new Xhr();
    let cancelStall = () => {};
    const abort = () => finish(() => reject(signal.reason));
    const fail = (code: "network_error" | "timeout", detail: string) => {
      finish(() => reject(new HearthError({ kind: "network", code, detail })));
    };
    const finish = (complete: () => void) => {
      cancelStall();
      signal.removeEventListener("abort", abort);
      xhr.onload = xhr.onerror = xhr.upload.onprogress = null;
      xhr.abort();
      complete();
    };
    const restartStallTimer = () => {
      cancelStall();
      const stalled = () => fail("timeout", `The upload made no progress for ${timing.uploadStall} ms.`);
      cancelStall = env.schedule(stalled, timing.uploadStall);
    };
    signal.addEventListener("abort", abort);
    xhr.upload.onprogress = ({ loaded }) => {
      restartStallTimer();
      progress(loaded);
    };
    xhr.onload = () => {
      const result = { status: xhr.status, text: xhr.responseText, retryAfter: header(xhr, "retry-after") };
      finish(() => resolve(result));
    };
    xhr.onerror = () => fail("network_error", "The file storage could not be reached. Check the network connection.");
    xhr.open(created.method, created.uploadUrl);
    for (const [name, value] of Object.entries(created.headers)) xhr.setRequestHeader(name, value);
    restartStallTimer();
    xhr.send(file);
  });
}

/**
 * Returns a response header, or null. Avoids `getResponseHeader`, for which browsers log an error if CORS does not
 * expose the header.
 */
function header(xhr: XMLHttpRequest, name: string): string | null {
  const lines = xhr.getAllResponseHeaders().split("\r\n");
  const line = lines.find((line) => line.toLowerCase().startsWith(`${name}:`));
  return line === undefined ? null : line.slice(name.length + 1).trim();
}

/**
 * Returns the error for an error response of the file storage. S3 describes errors in XML:
 * `<Error><Code>…</Code><Message>…</Message></Error>`.
 */
function storageError(status: number, text: string, retryAfter: number | null): HearthError {
  const tag = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];
  const detail = [tag("Code"), tag("Message")].filter((part) => part !== undefined).join(": ");
  return new HearthError({
    kind: "http",
    code: "upload_refused",
    detail: detail === "" ? `The file storage refused the upload (HTTP status ${status}).` : detail,
    status,
    requestId: tag("RequestId") ?? null,
    retryAfter,
  });
}
