import { HearthError } from "hearth-client";
import { formatUpcoming } from "./format";

/** Returns the text that the page shows to the user for an error that has just occurred. */
export function errorText(error: unknown): string {
  if (!(error instanceof HearthError)) return String(error);
  if (error.status === 429 && error.retryAfter !== null) {
    const reason =
      error.code === "quota_exceeded"
        ? "You have reached the limit for one day."
        : "That was too much in a short time.";
    return `${reason} Try again ${formatUpcoming(Date.now() + error.retryAfter)}.`;
  }
  return error.errors.length > 0 ? error.errors.map((field) => field.message).join(" ") : error.detail;
}
