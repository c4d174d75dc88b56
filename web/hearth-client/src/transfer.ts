import type { Context } from "./context.js";
import { HearthError } from "./errors.js";
import { exchange, retryAfter } from "./http.js";
import type { FileCreated } from "./types.js";

/** What takes the bytes of a file to the storage. `progress` is told the bytes that are gone. */
export interface Transfer {
  created: FileCreated;
  file: Blob;
  signal: AbortSignal;
  progress: (loaded: number) => void;
}

/** Puts the bytes where they belong: by XMLHttpRequest where there is one, since `fetch` tells no progress. */
export async function transfer(context: Context, task: Transfer): Promise<void> {
  const { env } = context;
  task.progress(0);
  const { status, text, wait } =
    env.XMLHttpRequest === null ? await byFetch(context, task) : await byXhr(context, env.XMLHttpRequest, task);
  if (status < 200 || status > 299) throw refusal(status, text, retryAfter(wait, env.now()));
  task.progress(task.file.size);
}

interface Outcome {
  status: number;
  text: string;
  /** `Retry-After`. */
  wait: string | null;
}

/** An upload of 25 MiB takes as long as it takes; it is given up when its URL is long dead. */
const LONGEST = 30 * 60_000;

function byFetch({ env, closing }: Context, { created, file, signal }: Transfer): Promise<Outcome> {
  return exchange(env, LONGEST, signal, closing, async (signal) => {
    const { method, headers } = created;
    const response = await env.fetch(created.uploadUrl, { method, headers, body: file, signal });
    return { status: response.status, text: await response.text(), wait: response.headers.get("retry-after") };
  });
}

function byXhr({ env, timing }: Context, Xhr: new () => XMLHttpRequest, task: Transfer): Promise<Outcome> {
  const { created, file, signal, progress } = task;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const xhr = new Xhr();
    let cancelStall = () => {};
    const abort = () => finish(() => reject(signal.reason));
    const fail = (code: "network_error" | "timeout", detail: string) => {
      finish(() => reject(new HearthError({ kind: "network", code, detail })));
    };
    const finish = (end: () => void) => {
      cancelStall();
      signal.removeEventListener("abort", abort);
      xhr.onload = xhr.onerror = xhr.upload.onprogress = null;
      xhr.abort();
      end();
    };
    const moved = () => {
      cancelStall();
      const stalled = () => fail("timeout", `The upload made no progress for ${timing.uploadStall} ms.`);
      cancelStall = env.schedule(stalled, timing.uploadStall);
    };
    signal.addEventListener("abort", abort);
    xhr.upload.onprogress = ({ loaded }) => {
      moved();
      progress(loaded);
    };
    xhr.onload = () => {
      const outcome = { status: xhr.status, text: xhr.responseText, wait: header(xhr, "retry-after") };
      finish(() => resolve(outcome));
    };
    xhr.onerror = () => fail("network_error", "The storage could not be reached.");
    xhr.open(created.method, created.uploadUrl);
    for (const [name, value] of Object.entries(created.headers)) xhr.setRequestHeader(name, value);
    moved();
    xhr.send(file);
  });
}

/** A header of the answer. `getResponseHeader` complains in the console of a header that CORS does not expose. */
function header(xhr: XMLHttpRequest, name: string): string | null {
  const lines = xhr.getAllResponseHeaders().split("\r\n");
  const line = lines.find((line) => line.toLowerCase().startsWith(`${name}:`));
  return line === undefined ? null : line.slice(name.length + 1).trim();
}

/** S3 explains itself in XML. */
function refusal(status: number, text: string, retryAfter: number | null): HearthError {
  const tag = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];
  const detail = [tag("Code"), tag("Message")].filter((part) => part !== undefined).join(": ");
  return new HearthError({
    kind: "http",
    code: "upload_refused",
    detail: detail === "" ? `The storage answered with ${status}.` : detail,
    status,
    requestId: tag("RequestId") ?? null,
    retryAfter,
  });
}
