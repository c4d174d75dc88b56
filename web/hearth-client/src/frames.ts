import { EVENTS, type ServerEvent } from "./events.js";

/** A WebSocket frame from the Hearth server. */
export type Frame = ServerEvent;

/**
 * Parses the text of a WebSocket frame. Returns null for an unknown frame, such as an error that API Gateway itself
 * sends, or an event of a newer server.
 */
export function parseFrame(text: unknown): Frame | null {
  if (typeof text !== "string") return null;
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== "object" || json === null) return null;
    const { event, data } = json as { event?: unknown; data?: unknown };
    const complete = event === "pong" || (typeof data === "object" && data !== null);
    return (EVENTS as readonly unknown[]).includes(event) && complete ? (json as Frame) : null;
  } catch {
    return null;
  }
}

/** The channel of the caller's own list of threads. */
export const INBOX = "inbox";

/** Returns the name of a thread's channel. */
export function channelOf(threadId: string): string {
  return `thread:${threadId}`;
}
