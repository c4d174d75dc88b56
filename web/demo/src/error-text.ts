import { HearthError } from "hearth-client";

/** Returns the text that the page shows to the user for an error. */
export function errorText(error: unknown): string {
  if (!(error instanceof HearthError)) return String(error);
  return error.errors.length > 0 ? error.errors.map((field) => field.message).join(" ") : error.detail;
}
