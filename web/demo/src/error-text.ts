import { HearthError, limits } from "hearth-client";
import { CognitoError } from "./cognito";
import { formatSize, formatUpcoming } from "./format";

/** Texts about files that cannot be uploaded, by error code. For none of these errors can another attempt succeed. */
const FILE_TEXTS: { readonly [code: string]: string } = {
  file_empty: "This file is empty.",
  file_too_large: `This file is too large. A file can have at most ${formatSize(limits.fileBytes)}.`,
  file_unreadable: "This file cannot be read any more. Add it again.",
  upload_interrupted: "The upload was interrupted because the page was closed. Add the file again.",
};

/** Returns the text that the page shows to the user for an error that has just occurred. */
export function errorText(error: unknown): string {
  if (error instanceof CognitoError) return error.message;
  if (!(error instanceof HearthError)) return String(error);
  const text = FILE_TEXTS[error.code];
  if (text) return text;
  if (error.status === 429) {
    const reason =
      error.code === "quota_exceeded"
        ? "You have reached today's limit for new conversations or files."
        : "You have made too many requests in a short time.";
    // API Gateway's own limit does not say when the next request is allowed. It is allowed after a few seconds.
    const when = error.retryAfter === null ? "in a moment" : formatUpcoming(Date.now() + error.retryAfter);
    return `${reason} Try again ${when}.`;
  }
  return error.errors.length > 0 ? error.errors.map((field) => field.message).join(" ") : error.detail;
}

/** Returns whether another attempt to send a message can succeed. `error` is the error of the previous attempt. */
export function canRetry(error: HearthError | null): boolean {
  return FILE_TEXTS[error?.code ?? ""] === undefined;
}
