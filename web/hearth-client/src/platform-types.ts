import type { Locks, NotificationPermissions } from "./notification-types.js";

/** Timeouts and intervals, in milliseconds. */
export interface Timing {
  /** An API request fails after this time without a response. Default: 30 000. */
  request: number;
  /** An upload fails after this time without progress. Default: 60 000. Applies only to uploads by XMLHttpRequest. */
  uploadStall: number;
  /** A socket that has not opened after this time is closed. Default: 15 000. */
  open: number;
  /**
   * The time to wait for the answer to a subscribe or a ping. Default: 5 000. An unanswered subscribe is sent once
   * more. After a second timeout, or if a ping is not answered, the socket is closed and the client reconnects.
   */
  answer: number;
  /**
   * A ping is sent after this time without a frame. Default: 240 000. API Gateway closes a socket that has been idle
   * for 600 000 ms (10 minutes).
   */
  ping: number;
  /**
   * The age at which a socket is replaced. Default: 6 600 000 (110 minutes). API Gateway closes every socket after 120
   * minutes.
   */
  socketAge: number;
  /**
   * The longest wait before the first retry. Default: 1 000. It doubles with each retry. The actual wait is a random
   * part of it (full jitter).
   */
  backoffBase: number;
  /** The longest wait before any retry. Default: 30 000. */
  backoffMax: number;
  /** The time to wait for a missing message after a later one has arrived, before it is fetched. Default: 300. */
  reorder: number;
  /** The time during which read marks are collected before the last one is stored. Default: 2 000. */
  markRead: number;
}

/** The part of `fetch` that this library uses. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchResponse>;

export interface FetchInit {
  method: string;
  headers: Record<string, string>;
  body?: string | Blob;
  signal: AbortSignal;
  /** Whether the request continues after the page is closed. */
  keepalive?: boolean;
}

export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}

/** The part of `WebSocket` that this library uses. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

/** The parts of the platform that this library uses. */
export interface Environment {
  fetch: Fetch;
  /** Null if the platform has no WebSocket: REST calls and uploads work, but `openThread` and `follow` throw. */
  WebSocket: (new (url: string) => SocketLike) | null;
  /** Uploads files and reports the progress. If null, `fetch` uploads them. */
  XMLHttpRequest: (new () => XMLHttpRequest) | null;
  /** Calls `callback` once after `milliseconds`. Returns a function that cancels the call. */
  schedule: (callback: () => void, milliseconds: number) => () => void;
  /** Returns the time in milliseconds since 1970. */
  now: () => number;
  /** Returns a random number, at least 0 and less than 1. */
  random: () => number;
  /** Returns a new idempotency key: at most 128 visible ASCII characters, unique. */
  uuid: () => string;
  /** The source of `online`, `offline` and `storage` events, and of `navigator`. Null outside of browsers. */
  window: (EventTarget & { readonly navigator?: NavigatorLike }) | null;
  /** The source of `visibilitychange` events. Read marks are stored at once when `visibilityState` is not `visible`. */
  document: (EventTarget & { readonly visibilityState: string }) | null;
  /** The user's permission for notifications; null if the platform has no notifications. */
  Notification: NotificationPermissions | null;
}

/** The part of `Navigator` that this library uses. */
export interface NavigatorLike {
  readonly onLine: boolean;
  /** Whether the page was opened from the Home Screen. Exists only on iPhones and iPads. */
  readonly standalone?: boolean;
  /**
   * The Web Locks API. With it, only one tab of the page at a time changes the browser's push subscription, and a tab
   * can wait for the end of another tab's uploads.
   */
  readonly locks?: Locks;
}
