import type { ErrorCode, FieldError } from "./types.js";

/**
 * The source of an error:
 * - `http`: the server answered with an error.
 * - `network`: no response arrived. The server may or may not have done what was requested.
 * - `token`: the token provider failed.
 * - `protocol`: a response arrived that is not from a Hearth server, such as a captive portal's page.
 * - `file`: the file cannot be uploaded, or the server could not process it.
 * - `browser`: the browser has no push notifications, or could not subscribe to them.
 */
export type ErrorKind = "http" | "network" | "token" | "protocol" | "file" | "browser";

/**
 * Error codes of this library, in addition to the server's. `forbidden`, `not_found`, `too_many_requests` and
 * `http_error` are for error responses without a `code`, which come from API Gateway or a proxy.
 */
export type ClientErrorCode =
  | "network_error"
  | "timeout"
  | "token_error"
  | "unexpected_answer"
  | "forbidden"
  | "not_found"
  | "too_many_requests"
  | "http_error"
  | "upload_refused"
  | "file_failed"
  | "file_empty"
  | "file_too_large"
  | "file_unreadable"
  | "upload_interrupted"
  | "maybe_sent"
  | "push_unsupported"
  | "push_refused";

/** An error code of the server or of this library. A newer server may send codes that this version does not know. */
export type AnyErrorCode = ErrorCode | ClientErrorCode | (string & Record<never, never>);

/** The constructor argument of {@link HearthError}. */
export interface HearthErrorFields {
  kind: ErrorKind;
  code: AnyErrorCode;
  detail: string;
  status?: number | null;
  errors?: readonly FieldError[];
  requestId?: string | null;
  retryAfter?: number | null;
  cause?: unknown;
}

/** The error with which calls of this library reject. Only an aborted call rejects with its signal's reason instead. */
export class HearthError extends Error {
  override readonly name = "HearthError";
  readonly kind: ErrorKind;
  /** What is wrong, for programs: a code that does not change between versions. */
  readonly code: AnyErrorCode;
  /** What is wrong, for people, in English. */
  readonly detail: string;
  /** HTTP status of the response, or null if the error has none. */
  readonly status: number | null;
  /** The invalid fields of the request; empty if the error is not about fields. */
  readonly errors: readonly FieldError[];
  /** The request's ID in the server's logs, or null if the response had none. */
  readonly requestId: string | null;
  /** Milliseconds to wait before a retry, from `Retry-After`; null if the response had none. */
  readonly retryAfter: number | null;

  constructor(fields: HearthErrorFields) {
    super(`${fields.code}: ${fields.detail}`, fields.cause === undefined ? {} : { cause: fields.cause });
    this.kind = fields.kind;
    this.code = fields.code;
    this.detail = fields.detail;
    this.status = fields.status ?? null;
    this.errors = fields.errors ?? [];
    this.requestId = fields.requestId ?? null;
    this.retryAfter = fields.retryAfter ?? null;
  }

  /** Whether the same request may succeed later. False if the server rejected it permanently. */
  get retryable(): boolean {
    if (this.kind === "file" || this.kind === "browser") return false;
    return (
      this.status === null || this.status >= 500 || this.status === 408 || this.status === 429 || this.status < 400
    );
  }
}
