import type { ErrorCode, FieldError } from "./types.js";

/**
 * What kind of thing went wrong:
 * - `http`: the server answered with an error.
 * - `network`: no answer came; whether the server did what it was asked to is not known.
 * - `token`: the token provider failed.
 * - `protocol`: an answer came that is none of the server's, such as a captive portal's page.
 * - `file`: the server could not make use of a file.
 */
export type ErrorKind = "http" | "network" | "token" | "protocol" | "file";

/** Codes beside the server's own. The middle four stand for what API Gateway answers by itself. */
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
  | "maybe_sent";

export interface HearthErrorFields {
  kind: ErrorKind;
  code: ErrorCode | ClientErrorCode;
  detail: string;
  status?: number | null;
  errors?: readonly FieldError[];
  requestId?: string | null;
  retryAfter?: number | null;
  cause?: unknown;
}

/** Everything that this library rejects with, except an abort: that rejects with the signal's reason. */
export class HearthError extends Error {
  override readonly name = "HearthError";
  readonly kind: ErrorKind;
  /** Says to a program what is wrong. */
  readonly code: ErrorCode | ClientErrorCode;
  /** Says to a person what is wrong, in English. */
  readonly detail: string;
  /** The HTTP status, or null where there was none. */
  readonly status: number | null;
  /** The offending fields, where it is about fields. */
  readonly errors: readonly FieldError[];
  /** Finds the request in the server's log, where the server told it. */
  readonly requestId: string | null;
  /** Milliseconds after which the server wants to be asked again, where it said so. */
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

  /** Whether the same request may succeed later: false for what the server refused for good. */
  get retryable(): boolean {
    if (this.kind === "file") return false;
    return (
      this.status === null || this.status >= 500 || this.status === 408 || this.status === 429 || this.status < 400
    );
  }
}
