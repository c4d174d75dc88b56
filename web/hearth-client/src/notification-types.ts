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
   * Whether the status may change soon: from the start of the client until the server has answered, while the browser
   * asks for permission, and until a call of `enable` or `disable` has taken effect. While the device is offline,
   * `busy` stays true until the network is back.
   */
  readonly busy: boolean;
  /**
   * Why the last attempt to carry out the user's choice, or to renew the registration at the start of the client, has
   * failed; null if it has not failed. If `busy` is true, the client retries. Otherwise the status is `off`, and the
   * error is permanent, such as `too_many_devices`.
   */
  readonly error: HearthError | null;
}

/** The user's notifications on this device. The user's choice is kept across reloads and sign-outs. */
export interface Notifications {
  readonly state: Store<NotificationsState>;
  /**
   * Asks for permission and registers this device. Call it in the handler of a click, before any `await`: browsers ask
   * only then. Resolves when the device is registered (status `on`), or when the user has not given permission (status
   * `denied` or `off`). Retries after temporary errors. Rejects with a permanent error, and with an `AbortError` if
   * `disable` is called or the client is closed in the meantime.
   */
  enable(): Promise<void>;
  /**
   * Ends notifications on this device. Resolves when the browser receives no more notifications, for which no network
   * is needed. Rejects with an `AbortError` if `enable` is called or the client is closed in the meantime.
   */
  disable(): Promise<void>;
}

/** The option `notifications` of a client. Without it, the status is `unsupported`. */
export interface NotificationsOptions {
  /** The registration of the page's service worker, which shows the notifications. */
  worker: PushWorker | Promise<PushWorker>;
  /** Keeps the user's choice. `localStorage` fits. */
  storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  /**
   * The name of the storage item. It must be different for each user, because each user of a browser has their own
   * choice.
   */
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
