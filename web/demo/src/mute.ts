import type { ThreadSettings } from "hearth-client";

/** The end of a mute that has no planned end: the latest time that the server accepts. */
export const FOREVER = "9999-12-31T23:59:59Z";

/** Returns whether a thread is muted now. */
export function isMuted({ mutedUntil }: ThreadSettings): boolean {
  return mutedUntil !== null && Date.parse(mutedUntil) > Date.now();
}

/** Returns the time `hours` from now, as RFC 3339. */
export function inHours(hours: number): string {
  return new Date(Date.now() + hours * 3_600_000).toISOString();
}
