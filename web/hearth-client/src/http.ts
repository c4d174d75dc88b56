import type { Closing } from "./context.js";
import { type ClientErrorCode, HearthError } from "./errors.js";
import type { Environment, ErrorCode, FetchResponse, FieldError, TokenProvider } from "./types.js";

export interface Call {
  method: "GET" | "POST";
  /** Below the base URL, with its query. */
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

export interface Answer {
  status: number;
  headers: FetchResponse["headers"];
  json: object;
}

interface Claims {
  sub?: string;
  /** Seconds since 1970. */
  exp?: number;
}

/** Requests with a bearer token, and errors that are typed. */
export class Transport {
  readonly #base: string;
  readonly #provider: TokenProvider;
  readonly #env: Environment;
  readonly #timeout: number;
  readonly #closing: Closing;
  #latest: string | null = null;
  #claims: Claims = {};
  #renewing: Promise<string> | null = null;

  constructor(base: string, provider: TokenProvider, env: Environment, timeout: number, closing: Closing) {
    this.#base = base.replace(/\/+$/, "");
    this.#provider = provider;
    this.#env = env;
    this.#timeout = timeout;
    this.#closing = closing;
  }

  /** What the latest token says of itself, where it is a JWT. Not verified: it only guides what is shown and when to renew. */
  get claims(): Claims {
    return this.#claims;
  }

  /** The absolute URL. Throws for one that is neither `http:` nor `https:`: a page may put it into a link. */
  resolve(path: string): string {
    if (/^https?:\/\//i.test(path)) return path;
    if (!/^[a-z][a-z0-9+.-]*:/i.test(path)) return `${this.#base}/${path.replace(/^\/+/, "")}`;
    const detail = `The server gave a URL that is not of the web: ${path.slice(0, 40)}`;
    throw new HearthError({ kind: "protocol", code: "unexpected_answer", detail });
  }

  /** Renews the token if the latest one runs out within so many milliseconds. */
  async freshen(within: number): Promise<void> {
    const { exp } = this.claims;
    if (exp !== undefined && exp * 1000 - this.#env.now() < within) await this.#renew();
  }

  /** Asks, and once more with a renewed token where the first one was refused. */
  async call(call: Call): Promise<Answer> {
    const token = await this.#token();
    try {
      return await this.#once(call, token);
    } catch (error) {
      if (!(error instanceof HearthError) || error.status !== 401) throw error;
      // Another call may have renewed it while this one was under way.
      const renewed = this.#latest === token ? await this.#renew() : await this.#token();
      return await this.#once(call, renewed);
    }
  }

  async #token(): Promise<string> {
    return this.#renewing ?? (await this.#ask(false));
  }

  async #renew(): Promise<string> {
    this.#renewing ??= this.#ask(true).finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #ask(renew: boolean): Promise<string> {
    let stop = () => {};
    // One that never answers would hold up everything, without a word.
    const late = new Promise<never>((_, reject) => {
      const fail = () => reject(new Error(`There was no token within ${this.#timeout} ms.`));
      const cancel = this.#env.schedule(fail, this.#timeout);
      const forget = this.#closing.add(fail);
      stop = () => {
        cancel();
        forget();
      };
    });
    try {
      const token = await Promise.race([this.#provider({ renew }), late]);
      if (token !== this.#latest) this.#claims = claims(token);
      this.#latest = token;
      return token;
    } catch (cause) {
      this.#closing.signal.throwIfAborted();
      const detail = "The token provider failed.";
      throw new HearthError({ kind: "token", code: "token_error", detail, cause });
    } finally {
      stop();
    }
  }

  async #once(call: Call, token: string): Promise<Answer> {
    const headers: Record<string, string> = { accept: "application/json", ...call.headers };
    headers.authorization = `Bearer ${token}`;
    if (call.body !== undefined) headers["content-type"] = "application/json";
    const body = call.body === undefined ? {} : { body: JSON.stringify(call.body) };
    const { response, text } = await exchange(this.#env, this.#timeout, call.signal, this.#closing, async (signal) => {
      const response = await this.#env.fetch(this.resolve(call.path), {
        method: call.method,
        headers,
        signal,
        ...body,
      });
      return { response, text: await response.text() };
    });
    const json = parse(text);
    if (response.status < 200 || response.status > 299) throw refusal(response, json, this.#env.now());
    if (json !== null) return { status: response.status, headers: response.headers, json };
    const detail = "The answer is no JSON object: something between here and the server may have answered instead.";
    throw new HearthError({ kind: "protocol", code: "unexpected_answer", detail, status: response.status });
  }
}

/** Runs `send` with a signal that is aborted with `given`, when the client is closed, or after `timeout` milliseconds. */
export async function exchange<T>(
  env: Environment,
  timeout: number,
  given: AbortSignal | undefined,
  closing: Closing,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const check = () => {
    given?.throwIfAborted();
    closing.signal.throwIfAborted();
  };
  check();
  const controller = new AbortController();
  const abort = () => controller.abort(given?.aborted ? given.reason : closing.signal.reason);
  given?.addEventListener("abort", abort);
  const forget = closing.add(abort);
  let late = false;
  const cancel = env.schedule(() => {
    late = true;
    controller.abort();
  }, timeout);
  try {
    return await send(controller.signal);
  } catch (cause) {
    check();
    if (cause instanceof HearthError) throw cause;
    const [code, detail] = late
      ? (["timeout", `There was no answer within ${timeout} ms.`] as const)
      : (["network_error", "The server could not be reached."] as const);
    throw new HearthError({ kind: "network", code, detail, cause });
  } finally {
    cancel();
    forget();
    given?.removeEventListener("abort", abort);
  }
}

function parse(text: string): object | null {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null && !Array.isArray(json) ? json : null;
  } catch {
    return null;
  }
}

const GATEWAY_CODES: Record<number, ErrorCode | ClientErrorCode> = {
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  413: "body_too_large",
  429: "too_many_requests",
  500: "internal",
  503: "unavailable",
};

/** The error of an answer: a problem document, API Gateway's own `{"message"}`, or whatever a proxy made up. */
function refusal(response: FetchResponse, json: object | null, now: number): HearthError {
  const said: { code?: unknown; detail?: unknown; message?: unknown; requestId?: unknown; errors?: unknown } =
    json ?? {};
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : null);
  return new HearthError({
    kind: "http",
    status: response.status,
    code: (text(said.code) as ErrorCode | null) ?? GATEWAY_CODES[response.status] ?? "http_error",
    detail: text(said.detail) ?? text(said.message) ?? `The server answered with ${response.status}.`,
    errors: Array.isArray(said.errors) ? (said.errors as FieldError[]) : [],
    requestId: text(said.requestId) ?? response.headers.get("apigw-requestid"),
    retryAfter: retryAfter(response.headers.get("retry-after"), now),
  });
}

/** Milliseconds of a `Retry-After` header: seconds or a date. */
export function retryAfter(value: string | null, now: number): number | null {
  if (value === null) return null;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

function claims(token: string): Claims {
  try {
    const payload = token.split(".")[1] ?? "";
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const { sub, exp } = (json ?? {}) as { sub?: unknown; exp?: unknown };
    return { ...(typeof sub === "string" ? { sub } : {}), ...(typeof exp === "number" ? { exp } : {}) };
  } catch {
    return {};
  }
}
