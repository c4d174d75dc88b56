import { HearthError } from "hearth-client";

/** What went wrong, for a person. */
export function sentence(error: unknown): string {
  if (!(error instanceof HearthError)) return String(error);
  return error.errors.length > 0 ? error.errors.map((field) => field.message).join(" ") : error.detail;
}
