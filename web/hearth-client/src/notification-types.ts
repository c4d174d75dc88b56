import type { HearthError } from "./errors.js";
import type { Store } from "./types.js";

/**
 * Whether this device notifies the user of messages:
 * - `unsupported`: the browser has no push notifications, or the page passes no service worker.
 * - `needs-home-screen`: an iPhone or iPad. It has push notifications only for pages on the Home Screen (iOS 16.4).
 * - `unavailable`: the deployment sends no notifications (`notifications_off`).
 * - `denied`: the user has forbidden them in the browser. Only the browser's settings change this.
 * - `off`, `on`: the user's choice, which `enable` and `disable` change.
 */
export type NotificationsStatus = "unsupported" | "needs-home-screen" | "unavailable" | "denied" | "off" | "on";

/** The state of notifications on this device. */
export interface NotificationsState {
  readonly status: NotificationsStatus;
  /**
   * Whether the status may change soon: after the start until the deployment has answered, while the browser asks for
   * permission, and while a choice is being stored. Offline, this lasts until the network is back.
   */
  readonly busy: boolean;
  /**
   * Why the last attempt to store the user's choice, or to renew it at the start, has failed; null if it has not. If
   * `busy`, it is retried. Otherwise the status is `off`, and the error is permanent, such as `too_many_devices`.
   */
  readonly error: HearthError | null;
}

/** The user's notifications on this device. The user's choice is kept across reloads and sign-outs. */
export interface Notifications {
  readonly state: Store<NotificationsState>;
  /**
   * Asks for permission and registers this device. Call it in the handler of a click, before any `await`: browsers ask
   * only then. Resolves when the device is registered, or when the user has not given permission; the state tells which.
   * Retries until then. Rejects with a permanent error, and with an `AbortError` if `disable` is called or the client is
   * closed in the meantime.
   */
  enable(): Promise<void>;
  /**
   * Ends notifications on this device. Resolves when the browser receives no more, also offline. Rejects with an
   * `AbortError` if `enable` is called or the client is closed in the meantime.
   */
  disable(): Promise<void>;
}

/** The option `notifications` of a client. Without it, the status is `unsupported`. */
export interface NotificationsOptions {
  /** The registration of the page's service worker, which shows the notifications. */
  worker: PushWorker | Promise<PushWorker>;
  /** Keeps the user's choice. `localStorage` fits. */
  storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  /** The name of the storage item. It must be different for each user: a device announces only what its user chose. */
  key: string;
}

/** The part of `ServiceWorkerRegistration` that this library uses. */
export interface PushWorker {
  /** Missing on an iPhone, unless the page is on the Home Screen. */
  readonly pushManager?: {
    getSubscription(): Promise<BrowserSubscription | null>;
    subscribe(options: {
      userVisibleOnly: boolean;
      applicationServerKey: Uint8Array<ArrayBuffer>;
    }): Promise<BrowserSubscription>;
  };
}

/** The part of the browser's `PushSubscription` that this library uses. */
export interface BrowserSubscription {
  readonly options?: { readonly applicationServerKey: ArrayBuffer | null };
  toJSON(): { endpoint?: string; keys?: Record<string, string> };
  unsubscribe(): Promise<boolean>;
}

/** The part of `Notification` that this library uses. */
export interface NotificationPermissions {
  readonly permission: NotificationPermission;
  requestPermission(): Promise<NotificationPermission>;
}

/** The part of `LockManager` that this library uses. */
export interface Locks {
  request<T>(name: string, callback: () => Promise<T>): Promise<T>;
}
