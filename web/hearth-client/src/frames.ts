import { EVENTS, type ServerEvent } from "./events.js";

/** A frame from the server. */
export type Frame = ServerEvent;

/** Parses a frame. Returns null for unknown frames: API Gateway sends some of its own, and newer servers may too. */
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

/** Returns the channel of a thread. */
export function channelOf(threadId: string): string {
  return `thread:${threadId}`;
}
