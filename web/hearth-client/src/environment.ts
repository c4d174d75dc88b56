import type { Environment, Timing } from "./types.js";

const TIMING: Timing = {
  request: 30_000,
  uploadStall: 60_000,
  open: 15_000,
  answer: 5_000,
  ping: 240_000,
  socketAge: 6_600_000,
  backoffBase: 1_000,
  backoffMax: 30_000,
  reorder: 300,
  markRead: 2_000,
};

/** Returns a client's timeouts and intervals: the given values, and defaults for the others. */
export function timingOf(given: Partial<Timing> = {}): Timing {
  return { ...TIMING, ...given };
}

/** Returns the platform's functions for a client: the given ones, and those of the browser or Node for the others. */
export function environmentOf(given: Partial<Environment> = {}): Environment {
  const platform = globalThis as Partial<
    Pick<typeof globalThis, "WebSocket" | "XMLHttpRequest" | "window" | "document" | "Notification">
  >;
  return {
    fetch: (url, init) => globalThis.fetch(url, init),
    WebSocket: platform.WebSocket ?? null,
    XMLHttpRequest: platform.XMLHttpRequest ?? null,
    schedule: (callback, milliseconds) => {
      const timer = globalThis.setTimeout(callback, milliseconds);
      return () => globalThis.clearTimeout(timer);
    },
    now: () => Date.now(),
    random: () => Math.random(),
    uuid,
    window: platform.window ?? null,
    document: platform.document ?? null,
    Notification: platform.Notification ?? null,
    ...given,
  };
}

/** Returns a version 4 UUID. Avoids `crypto.randomUUID`, which browsers offer only on HTTPS pages and localhost. */
function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
