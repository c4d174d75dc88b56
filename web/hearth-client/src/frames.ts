import type { FileStatus, Message } from "./types.js";

/** A frame from the server. */
export type Frame =
  | { event: "message:new"; data: { threadId: string; message: Message; truncated?: boolean } }
  | { event: "file:status"; data: { fileId: string; status: FileStatus; thumbUrl: string | null } }
  | { event: "subscribed"; data: { channel: string; seq: number }; id?: unknown }
  | { event: "unsubscribed"; data: { channel: string }; id?: unknown }
  | { event: "pong"; id?: unknown }
  | { event: "error"; data: { code: string; detail?: string; channel?: string }; id?: unknown };

const EVENTS: readonly unknown[] = ["message:new", "file:status", "subscribed", "unsubscribed", "pong", "error"];

/** Parses a frame. Returns null for unknown frames: API Gateway sends some of its own, and newer servers may too. */
export function parseFrame(text: unknown): Frame | null {
  if (typeof text !== "string") return null;
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== "object" || json === null) return null;
    const { event, data } = json as { event?: unknown; data?: unknown };
    const complete = event === "pong" || (typeof data === "object" && data !== null);
    return EVENTS.includes(event) && complete ? (json as Frame) : null;
  } catch {
    return null;
  }
}

/** Returns the channel of a thread. */
export function channelOf(threadId: string): string {
  return `thread:${threadId}`;
}
