import { decodeBase64Url } from "./base64url.js";
import type { CloseNotifier } from "./context.js";
import { type AnyErrorCode, HearthError } from "./errors.js";
import type { Environment, FetchResponse, FieldError, TokenProvider } from "./types.js";

export interface ApiRequest {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** The path relative to the API's base URL, including the query string. */
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** Whether a second copy of the request would have a second effect, such as another message. By default false. */
  once?: boolean;
  /** Whether the request continues after the page is closed. By default false. */
  keepalive?: boolean | undefined;
}

export interface ApiResponse {
  status: number;
  headers: FetchResponse["headers"];
  json: object;
}

interface Claims {
  sub?: string;
  /** When the token expires, in seconds since 1970. */
  exp?: number;
}

/**
 * If a request fails, and its token expires within this time (milliseconds), the server may have refused the token as
 * expired, because the device's clock may be slow.
 */
const EXPIRY_MARGIN = 60_000;

/** Sends API requests with a bearer token, and turns failures into `HearthError`s. */
export class Transport {
  readonly #base: string;
  readonly #provider: TokenProvider;
  readonly #env: Environment;
  readonly #timeout: number;
  readonly #closing: CloseNotifier;
  #latestToken: string | null = null;
  #claims: Claims = {};
  /**
   * The caller's user ID from an answer of `/api/me`. Used if the token is not a JWT, and so does not contain the ID.
   */
  #identity: string | undefined;
  #renewal: Promise<string> | null = null;

  constructor(base: string, provider: TokenProvider, env: Environment, timeout: number, closing: CloseNotifier) {
    this.#base = base.replace(/\/+$/, "");
    this.#provider = provider;
    this.#env = env;
    this.#timeout = timeout;
    this.#closing = closing;
  }

  /**
   * Claims of the latest token; empty if it is not a JWT. They are not verified, so use them only for display and to
   * decide when to renew the token.
   */
  get claims(): Claims {
    return this.#claims;
  }

  /**
   * The caller's user ID from the latest token, or otherwise the ID given to `identify`. Undefined if neither is known.
   */
  get userId(): string | undefined {
    return this.#claims.sub ?? this.#identity;
  }

  identify(userId: string): void {
    this.#identity = userId;
  }

  /**
   * Returns the absolute URL of a path. Throws if the URL's scheme is neither `http:` nor `https:`, because a page may
   * use the URL in a link, where `javascript:` would run code.
   */
  resolve(path: string): string {
    if (/^https?:\/\//i.test(path)) return path;
    if (!/^[a-z][a-z0-9+.-]*:/i.test(path)) return `${this.#base}/${path.replace(/^\/+/, "")}`;
    const detail = `This URL is neither http: nor https: ${path.slice(0, 40)}`;
    throw new HearthError({ kind: "protocol", code: "unexpected_answer", detail });
  }

  /** Renews the token if the latest one expires within `milliseconds`. */
  async renewIfExpiring(milliseconds: number): Promise<void> {
    if (this.#expiresWithin(milliseconds)) await this.#renewToken();
  }

  /**
   * Sends a request. Repeats the request once with a renewed token after a 401, and after a failure that may be a 401:
   * API Gateway sends a 401 without CORS headers, so a browser hides it, and `fetch` fails as if the network were down.
   */
  async call(request: ApiRequest): Promise<ApiResponse> {
    const token = await this.#currentToken();
    const maybeExpired = this.#expiresWithin(EXPIRY_MARGIN);
    try {
      return await this.#send(request, token);
    } catch (error) {
      if (!(error instanceof HearthError)) throw error;
      const hidden = error.code === "network_error" && maybeExpired;
      if (error.status !== 401 && !hidden) throw error;
      const renewed = await this.#tokenAfter(token).catch((cause: unknown) => {
        // Report the request's network error, not the provider's: usually the network is down, and neither is reached.
        if (!hidden || !(cause instanceof HearthError)) throw cause;
        throw new HearthError({ kind: error.kind, code: error.code, detail: error.detail, cause });
      });
      if (hidden && request.once) throw error;
      return await this.#send(request, renewed);
    }
  }

  /**
   * Sends a request with the latest token while the client is being closed. The answer and errors are ignored, because
   * nobody can wait for the answer or retry.
   */
  sendAtClose(request: ApiRequest): void {
    if (this.#latestToken === null) return;
    const { signal } = new AbortController();
    this.#fetch({ ...request, keepalive: true }, this.#latestToken, signal).catch(() => {});
  }

  /** Returns the token to use after `token` was refused. */
  #tokenAfter(token: string): Promise<string> {
    // If another call has renewed the token in the meantime, use the new token instead of renewing it again.
    return this.#latestToken === token ? this.#renewToken() : this.#currentToken();
  }

  #expiresWithin(milliseconds: number): boolean {
    const { exp } = this.claims;
    return exp !== undefined && exp * 1000 - this.#env.now() < milliseconds;
  }

  async #currentToken(): Promise<string> {
    return this.#renewal ?? (await this.#askProvider(false));
  }

  async #renewToken(): Promise<string> {
    this.#renewal ??= this.#askProvider(true).finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  async #askProvider(renew: boolean): Promise<string> {
    let stop = () => {};
    // Without a timeout, a token provider that never answers would block all requests.
    const timeout = new Promise<never>((_, reject) => {
      const fail = () => reject(new Error(`The token provider returned no token within ${this.#timeout} ms.`));
      const cancel = this.#env.schedule(fail, this.#timeout);
      const forget = this.#closing.add(fail);
      stop = () => {
        cancel();
        forget();
      };
    });
    try {
      const token = await Promise.race([this.#provider({ renew }), timeout]);
      if (token !== this.#latestToken) this.#claims = parseClaims(token);
      this.#latestToken = token;
      return token;
    } catch (cause) {
      this.#closing.signal.throwIfAborted();
      const detail = "The token provider failed. Sign in again if this continues.";
      throw new HearthError({ kind: "token", code: "token_error", detail, cause });
    } finally {
      stop();
    }
  }

  async #send(request: ApiRequest, token: string): Promise<ApiResponse> {
    const fetchText = async (signal: AbortSignal) => {
      const response = await this.#fetch(request, token, signal);
      return { response, text: await response.text() };
    };
    const { response, text } = await withTimeout(this.#env, this.#timeout, request.signal, this.#closing, fetchText);
    const json = response.status === 204 ? {} : parseObject(text);
    if (response.status < 200 || response.status > 299) throw responseError(response, json, this.#env.now());
    if (json !== null) return { status: response.status, headers: response.headers, json };
    const detail =
      "The response is not a JSON object. A proxy or a login page may have answered instead of the server.";
    throw new HearthError({ kind: "protocol", code: "unexpected_answer", detail, status: response.status });
  }

  async #fetch(request: ApiRequest, token: string, signal: AbortSignal): Promise<FetchResponse> {
    const { method, path, keepalive } = request;
    const headers: Record<string, string> = { accept: "application/json", ...request.headers };
    headers.authorization = `Bearer ${token}`;
    if (request.body !== undefined) headers["content-type"] = "application/json";
    const body = request.body === undefined ? {} : { body: JSON.stringify(request.body) };
    return await this.#env.fetch(this.resolve(path), {
      method,
      headers,
      signal,
      ...body,
      ...(keepalive === true ? { keepalive } : {}),
    });
  }
}

/**
 * Calls `send` with a signal that aborts when `given` aborts, when the client is closed, or after `timeout`
 * milliseconds. If `given` aborts or the client is closed, rejects with the reason of `given` or of `closing`.
 * Otherwise rejects with a `HearthError`: that of `send`, or a `network` error for the timeout and for all other errors
 * of `send`.
 */
export async function withTimeout<T>(
  env: Environment,
  timeout: number,
  given: AbortSignal | undefined,
  closing: CloseNotifier,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const throwIfAborted = () => {
    given?.throwIfAborted();
    closing.signal.throwIfAborted();
  };
  throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(given?.aborted ? given.reason : closing.signal.reason);
  given?.addEventListener("abort", abort);
  const forget = closing.add(abort);
  let timedOut = false;
  const cancel = env.schedule(() => {
    timedOut = true;
    controller.abort();
  }, timeout);
  try {
    return await send(controller.signal);
  } catch (cause) {
    throwIfAborted();
    if (cause instanceof HearthError) throw cause;
    const [code, detail] = timedOut
      ? (["timeout", `The server did not answer within ${timeout} ms.`] as const)
      : (["network_error", "The server could not be reached. Check the network connection."] as const);
    throw new HearthError({ kind: "network", code, detail, cause });
  } finally {
    cancel();
    forget();
    given?.removeEventListener("abort", abort);
  }
}

function parseObject(text: string): object | null {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null && !Array.isArray(json) ? json : null;
  } catch {
    return null;
  }
}

const GATEWAY_CODES: Record<number, AnyErrorCode> = {
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  413: "body_too_large",
  429: "too_many_requests",
  500: "internal",
  503: "unavailable",
};

/**
 * Returns the error that an error response describes. `json` is the response's body: a problem document of the API, API
 * Gateway's own `{"message"}`, or any JSON object of a proxy; null if the body is not a JSON object.
 */
function responseError(response: FetchResponse, json: object | null, now: number): HearthError {
  const problem: { code?: unknown; detail?: unknown; message?: unknown; requestId?: unknown; errors?: unknown } =
    json ?? {};
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : null);
  return new HearthError({
    kind: "http",
    status: response.status,
    code: text(problem.code) ?? GATEWAY_CODES[response.status] ?? "http_error",
    detail: text(problem.detail) ?? text(problem.message) ?? `The server answered with HTTP status ${response.status}.`,
    errors: Array.isArray(problem.errors) ? (problem.errors as FieldError[]) : [],
    requestId: text(problem.requestId) ?? response.headers.get("apigw-requestid"),
    retryAfter: parseRetryAfter(response.headers.get("retry-after"), now),
  });
}

/**
 * Parses a `Retry-After` header, which contains seconds or a date. Returns the time to wait in milliseconds, or null if
 * the header is missing or not valid.
 */
export function parseRetryAfter(value: string | null, now: number): number | null {
  if (value === null) return null;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

function parseClaims(token: string): Claims {
  try {
    const payload = decodeBase64Url(token.split(".")[1] ?? "");
    const json: unknown = JSON.parse(new TextDecoder().decode(payload));
    const { sub, exp } = (json ?? {}) as { sub?: unknown; exp?: unknown };
    return { ...(typeof sub === "string" ? { sub } : {}), ...(typeof exp === "number" ? { exp } : {}) };
  } catch {
    return {};
  }
}
