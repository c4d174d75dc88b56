import { decodeBase64Url } from "./base64url.js";
import { HearthError } from "./errors.js";
import type {
  BrowserSubscription,
  NotificationsOptions,
  NotificationsStatus,
  PushWorker,
} from "./notification-types.js";
import type { Environment } from "./types.js";

/** The browser's side of notifications: support, permission, and the subscription at the browser's push service. */
export class PushDevice {
  readonly #env: Environment;
  readonly #worker: Promise<PushWorker | null>;
  #noPush: boolean;

  /** Calls `changed` if the browser turns out not to support push. Passes an error of the service worker to `report`. */
  constructor(
    env: Environment,
    worker: NotificationsOptions["worker"] | undefined,
    changed: () => void,
    report: (error: unknown) => void,
  ) {
    this.#env = env;
    this.#noPush = worker === undefined || env.Notification === null;
    this.#worker = Promise.resolve(worker ?? null)
      .catch((error: unknown) => {
        report(error);
        return null;
      })
      .then((registered) => {
        this.#noPush = env.Notification === null || registered?.pushManager === undefined;
        if (this.#noPush) changed();
        return registered;
      });
  }

  /** Why the browser cannot show notifications; null if it can, or if the service worker is not registered yet. */
  get obstacle(): NotificationsStatus | null {
    if (!this.#noPush) return null;
    return this.#env.window?.navigator?.standalone === false ? "needs-home-screen" : "unsupported";
  }

  get permission(): NotificationPermission {
    return this.#env.Notification?.permission ?? "denied";
  }

  /**
   * Resolves when the service worker is registered, or when its registration has failed. Wait for this before taking a
   * lock: the registration may take long, and other tabs would wait for the lock.
   */
  get ready(): Promise<unknown> {
    return this.#worker;
  }

  /**
   * Asks the user for permission. Calls the browser before any `await`, because it asks only while it handles a click.
   */
  requestPermission(): Promise<NotificationPermission> {
    if (this.#env.Notification === null || this.#noPush) throw unsupported();
    return this.#env.Notification.requestPermission().catch((cause: unknown) => {
      throw refused("The browser could not ask for permission", cause);
    });
  }

  /**
   * Returns a subscription with the deployment's public key: the existing one if it has this key, otherwise a new one.
   * `renew` replaces the existing one in any case.
   */
  async subscribe(publicKey: string, renew = false): Promise<BrowserSubscription> {
    const applicationServerKey = decodeBase64Url(publicKey);
    const manager = (await this.#worker)?.pushManager;
    if (manager === undefined) throw unsupported();
    try {
      const existing = await manager.getSubscription();
      if (existing !== null && !renew && hasKey(existing, applicationServerKey)) return existing;
      await existing?.unsubscribe();
      return await manager.subscribe({ userVisibleOnly: true, applicationServerKey });
    } catch (cause) {
      throw refused("The browser could not subscribe to its push service", cause);
    }
  }

  /** Ends the subscription, if there is one. Needs no network. */
  async unsubscribe(): Promise<void> {
    try {
      const subscription = await (await this.#worker)?.pushManager?.getSubscription();
      await subscription?.unsubscribe();
    } catch (cause) {
      throw refused("The browser could not end its push subscription", cause);
    }
  }
}

function hasKey({ options }: BrowserSubscription, key: Uint8Array): boolean {
  // Older browsers do not tell the key of a subscription. Assume that it is the deployment's.
  if (options === undefined) return true;
  const held = new Uint8Array(options.applicationServerKey ?? new ArrayBuffer(0));
  return held.length === key.length && held.every((byte, index) => byte === key[index]);
}

function unsupported(): HearthError {
  const detail = "This browser has no push notifications for this page.";
  return new HearthError({ kind: "browser", code: "push_unsupported", detail });
}

function refused(what: string, cause: unknown): HearthError {
  return new HearthError({ kind: "browser", code: "push_refused", detail: `${what}: ${cause}`, cause });
}
