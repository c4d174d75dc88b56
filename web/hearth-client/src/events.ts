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
     * True if the message is too large for a frame. Then `message` has an empty body, no attachments, no reactions and
     * no quote, and the client fetches the complete message over REST. Missing otherwise.
     */
    truncated?: boolean;
  };
  event: "message:new";
}

/**
 * A message was edited or deleted, or a reaction to it was set or removed. Sent once for each revision of the thread.
 */
export interface MessageChangedEvent {
  data: {
    /** The whole message as it is now. Its own `rev` may already be larger than the event's. */
    message: Schemas["Message"];
    /** The revision of the change. */
    rev: number;
    /** ID of the message's thread. */
    threadId: Schemas["ThreadId"];
    /**
     * True if the message is too large for a frame. Then `message` has an empty body, no attachments, no reactions and
     * no quote, and the client fetches the complete message over REST. Missing otherwise.
     */
    truncated?: boolean;
  };
  event: "message:changed";
}

/** A file has become ready or failed. */
export interface FileStatusEvent {
  data: {
    /** ID of the file. */
    fileId: Schemas["FileId"];
    /** Height of the image as displayed, in pixels. Missing if `width` is. */
    height?: number;
    /** The file's new state. */
    status: Schemas["FileStatus"];
    /** Link to the file's thumbnail, relative to the API's base URL; null if the file has no thumbnail. */
    thumbUrl: string | null;
    /**
     * Width of the image as displayed, in pixels. Missing unless the file is a ready image. Also missing if the image
     * became ready in an older version of the server, which did not measure images.
     */
    width?: number;
  };
  event: "file:status";
}

/**
 * A user is typing in a thread. The event counts for 15 seconds. The user's client sends `typing` again every 10
 * seconds while the user types.
 */
export interface TypingEvent {
  data: {
    /** ID of the thread. */
    threadId: Schemas["ThreadId"];
    /** ID of the user who is typing. */
    userId: Schemas["UserId"];
  };
  event: "typing";
}

/**
 * A member's read mark has moved. Subscribers of the thread receive it if the member shares read receipts; the member's
 * own connections receive it in any case.
 */
export interface ReadUpdatedEvent {
  /** How far a member has read a thread. */
  data: {
    /** The member has read all messages up to this `seq`. */
    seq: number;
    /** ID of the thread. */
    threadId: Schemas["ThreadId"];
    /** ID of the member. */
    userId: Schemas["UserId"];
  };
  event: "read:updated";
}

/** The caller has changed their settings of a thread, with this client or another one. */
export interface ThreadSettingsEvent {
  /**
   * A member's settings for a thread. Only this member sees them. Response body of `PATCH /api/threads/{threadId}/me`.
   */
  data: {
    /** Whether the member has archived the thread. It stays archived when messages arrive. */
    archived: boolean;
    /** Until when the member has muted the thread; null if they have not. A time in the past has no effect. */
    mutedUntil: Schemas["Timestamp"] | null;
    /** ID of the thread. */
    threadId: Schemas["ThreadId"];
  };
  event: "thread:settings";
}

/** A thread as all its members see it in the list of threads. Data of `thread:new` events. */
export interface ThreadOverview {
  /** When the thread was created. */
  createdAt: Schemas["Timestamp"];
  /** ID of the thread. */
  id: Schemas["ThreadId"];
  /** Preview of the thread's newest message; null if the thread has no messages. */
  lastMessage: Schemas["MessagePreview"] | null;
  /**
   * `seq` of the thread's newest message; 0 if the thread has no messages. A new message usually appears here within a
   * second.
   */
  lastSeq: number;
  /** IDs of the thread's members. They never change. */
  memberIds: Schemas["UserId"][];
  /** The members' names, in the order of `memberIds`. For a member whose name is not known, the member's ID. */
  memberNames: string[];
  /** The title that the thread's creator chose; null if the thread has none. */
  title: string | null;
  /**
   * When the newest message was committed, or when the thread was created if it has no messages. It is usually updated
   * within a second of a new message.
   */
  updatedAt: Schemas["Timestamp"];
}

/** The thread of a `thread:new` event. */
export type NewThread =
  | ThreadOverview
  | {
      /** ID of the thread. */
      id: Schemas["ThreadId"];
      /** Always true. */
      truncated: boolean;
    };

/** A thread was created, and the caller is one of its members. */
export interface ThreadNewEvent {
  data: {
    /** The thread. */
    thread: NewThread;
  };
  event: "thread:new";
}

/**
 * The fields of a thread that change if a message is sent, or if the last message is edited or deleted. Data of
 * `thread:updated` events.
 */
export interface ThreadUpdate {
  /** ID of the thread. */
  id: Schemas["ThreadId"];
  /** Preview of the newest message; null if the thread has no messages. */
  lastMessage: Schemas["MessagePreview"] | null;
  /** `seq` of the thread's newest message. */
  lastSeq: number;
  /** When the newest message was committed. */
  updatedAt: Schemas["Timestamp"];
}

/**
 * Messages were committed in one of the caller's threads, or its last message was edited or deleted. Sent once for
 * several messages that follow each other closely, and not to a connection that has received `message:new` for all of
 * them.
 */
export interface ThreadUpdatedEvent {
  data: {
    /** Read marks of the authors of the new messages: a message moves its author's read mark to its own `seq`. */
    sent: Schemas["ReadMark"][];
    /** The thread's current state. */
    thread: ThreadUpdate;
  };
  event: "thread:updated";
}

/**
 * The channel of a thread, `thread:` and the thread's ID, or `inbox`. Only the thread's members may subscribe to a
 * thread.
 */
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
     * The thread's last revision at the time of the subscription. The server pushes every later change to a message.
     * The client asks for earlier changes over REST. Missing for `inbox`.
     */
    rev?: number;
    /**
     * The thread's last `seq` at the time of the subscription. The server pushes every later message. The client
     * fetches missing messages up to this `seq` over REST, with the query parameter `after`. Missing for `inbox`.
     */
    seq?: number;
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

/** Answer to a `typing` frame with an `id`. */
export interface AcceptedEvent {
  data: {
    /** The thread's channel. */
    channel: Channel;
  };
  event: "accepted";
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
 * Answer to a frame that the server could not process; the connection stays open. An error with the code
 * `too_many_connections` does not answer a frame: it says that the server closes the connection.
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
  | MessageChangedEvent
  | FileStatusEvent
  | TypingEvent
  | ReadUpdatedEvent
  | ThreadSettingsEvent
  | ThreadNewEvent
  | ThreadUpdatedEvent
  | SubscribedEvent
  | UnsubscribedEvent
  | AcceptedEvent
  | PongEvent
  | ErrorEvent;

/** The names of all events. */
export const EVENTS = [
  "message:new",
  "message:changed",
  "file:status",
  "typing",
  "read:updated",
  "thread:settings",
  "thread:new",
  "thread:updated",
  "subscribed",
  "unsubscribed",
  "accepted",
  "pong",
  "error",
] as const;
