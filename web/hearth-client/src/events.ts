// Generated from shared/contract by `make docs`. Do not edit.

import type { components } from "./openapi.js";

type Schemas = components["schemas"];

/** A message was committed in a thread. */
export interface MessageNewEvent {
  data: {
    /** The message, the same object as in REST responses. */
    message: Schemas["Message"];
    /** ID of the message's thread. */
    threadId: Schemas["ThreadId"];
    /**
     * True if the message is too large for a frame. Then `message` has an empty body and no attachments, and the client
     * fetches the complete message over REST. Missing otherwise.
     */
    truncated?: boolean;
  };
  event: "message:new";
}

/** A file has become ready or failed. */
export interface FileStatusEvent {
  data: {
    /** ID of the file. */
    fileId: Schemas["FileId"];
    /** The file's new state. */
    status: Schemas["FileStatus"];
    /** Link to the file's thumbnail, relative to the API's base URL; null if the file has no thumbnail. */
    thumbUrl: string | null;
  };
  event: "file:status";
}

/** The channel of a thread: `thread:` and the thread's ID. Only the thread's members may subscribe to it. */
export type Channel = string;

/**
 * ID that the client chose for its frame; the answer repeats it. A string of at most 128 characters, or a 64-bit
 * integer.
 */
export type FrameId = string | number;

/** Answer to `subscribe`. */
export interface SubscribedEvent {
  data: {
    /** The channel that the connection is now subscribed to. */
    channel: Channel;
    /**
     * The thread's last `seq` at the time of the subscription. The server pushes every later message. The client
     * fetches missing messages up to this `seq` over REST, with the query parameter `after`.
     */
    seq: number;
  };
  event: "subscribed";
  /** The `id` of the client's frame. Missing if the frame had none. */
  id?: FrameId;
}

/** Answer to `unsubscribe`. */
export interface UnsubscribedEvent {
  data: {
    /** The channel that the connection is no longer subscribed to. */
    channel: Channel;
  };
  event: "unsubscribed";
  /** The `id` of the client's frame. Missing if the frame had none. */
  id?: FrameId;
}

/** Answer to `ping`. */
export interface PongEvent {
  event: "pong";
  /** The `id` of the client's frame. Missing if the frame had none. */
  id?: FrameId;
}

/** Data of an `error` event. */
export interface FrameError {
  /**
   * The channel of the client's frame, unchanged. Missing if the error is not about a channel, or if the channel has
   * more than 128 characters.
   */
  channel?: string;
  /** What is wrong, as a code for programs. */
  code: Schemas["ErrorCode"];
  /** What is wrong and what to do, as a text for developers. */
  detail: string;
}

/**
 * Answer to a frame that the server could not process; the connection stays open. With `too_many_connections`, it
 * answers no frame, and the server closes the connection.
 */
export interface ErrorEvent {
  data: FrameError;
  event: "error";
  /** The `id` of the client's frame. Missing if the frame had none. */
  id?: FrameId;
}

/** An event: what the server sends on a socket. */
export type ServerEvent =
  | MessageNewEvent
  | FileStatusEvent
  | SubscribedEvent
  | UnsubscribedEvent
  | PongEvent
  | ErrorEvent;

/** The names of all events. */
export const EVENTS = ["message:new", "file:status", "subscribed", "unsubscribed", "pong", "error"] as const;
