import { HearthError } from "hearth-client";
import { CognitoError } from "./cognito";
import { formatUpcoming } from "./format";

/** Returns the text that the page shows to the user for an error that has just occurred. */
export function errorText(error: unknown): string {
  if (error instanceof CognitoError) return error.message;
  if (!(error instanceof HearthError)) return String(error);
  if (error.status === 429) {
    const reason =
      error.code === "quota_exceeded"
        ? "You have reached the limit for one day."
        : "That was too much in a short time.";
    // API Gateway's own limit does not say when it ends; it is a matter of seconds.
    const when = error.retryAfter === null ? "in a moment" : formatUpcoming(Date.now() + error.retryAfter);
    return `${reason} Try again ${when}.`;
  }
  return error.errors.length > 0 ? error.errors.map((field) => field.message).join(" ") : error.detail;
}
