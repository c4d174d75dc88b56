import type { BrowserSubscription, NotificationPermissions, PushWorker } from "../../src/index.js";
import { MemoryStorage } from "./device.js";
import { FakeLocks } from "./fake-locks.js";

/**
 * A fake browser with push notifications. All tabs of the page share its permission, push subscription, storage and
 * locks.
 */
export class FakeBrowser {
  permission: NotificationPermission = "default";
  /** Returns the user's answer when the browser asks for permission. */
  answer: () => Promise<NotificationPermission> = async () => "granted";
  /** How often the user was asked. */
  asked = 0;
  /** Whether the browser cannot reach its push service. */
  broken = false;
  /** The browser's subscription, with its endpoint and public key. */
  subscription: { endpoint: string; publicKey: string; auth: string } | null = null;
  /** How often the browser has subscribed and unsubscribed. */
  readonly calls = { subscribe: 0, unsubscribe: 0 };
  /** `navigator.standalone`, which only iPhones have. */
  standalone: boolean | undefined;
  readonly items = new MemoryStorage();
  /** The user's answer to the open question for permission; null if no question is open. */
  #question: Promise<NotificationPermission> | null = null;
  readonly #tabs = new Set<EventTarget>();
  readonly locks = new FakeLocks();

  readonly worker: PushWorker = {
    pushManager: {
      getSubscription: async () => this.#current(),
      subscribe: async ({ applicationServerKey }) => {
        if (this.permission !== "granted") throw new DOMException("Registration failed", "NotAllowedError");
        if (this.broken) throw new DOMException("Registration failed - push service error", "AbortError");
        this.calls.subscribe += 1;
        const n = this.calls.subscribe;
        const publicKey = textOf(applicationServerKey);
        this.subscription = { endpoint: `https://push.test/${n}`, publicKey, auth: `auth-${n}` };
        return this.#current() as BrowserSubscription;
      },
    },
  };

  readonly Notification: NotificationPermissions;

  constructor() {
    const browser = this;
    this.Notification = {
      get permission() {
        return browser.permission;
      },
      requestPermission: async () => {
        if (browser.permission !== "default") return browser.permission;
        if (browser.#question === null) {
          browser.asked += 1;
          browser.#question = browser.answer().finally(() => {
            browser.#question = null;
          });
        }
        browser.permission = await browser.#question;
        return browser.permission;
      },
    };
  }

  /** Returns `localStorage` for a tab. Its changes fire `storage` in the other tabs. */
  storage(window: EventTarget): Pick<Storage, "getItem" | "setItem" | "removeItem"> {
    this.#tabs.add(window);
    const changed = (key: string) => {
      for (const tab of this.#tabs) {
        if (tab !== window) tab.dispatchEvent(Object.assign(new Event("storage"), { key }));
      }
    };
    return {
      getItem: (key) => this.items.getItem(key),
      setItem: (key, value) => {
        this.items.setItem(key, value);
        changed(key);
      },
      removeItem: (key) => {
        this.items.removeItem(key);
        changed(key);
      },
    };
  }

  /**
   * Changes the permission, as the user can in the browser's settings. Without permission, browsers drop the
   * subscription.
   */
  setPermission(permission: NotificationPermission): void {
    this.permission = permission;
    if (permission !== "granted") this.subscription = null;
  }

  #current(): BrowserSubscription | null {
    if (this.subscription === null) return null;
    const { endpoint, publicKey, auth } = this.subscription;
    return {
      options: { applicationServerKey: new TextEncoder().encode(publicKey).buffer },
      toJSON: () => ({ endpoint, keys: { p256dh: `p256dh-${endpoint}`, auth } }),
      unsubscribe: async () => {
        const same = this.subscription?.endpoint === endpoint;
        if (same) this.subscription = null;
        this.calls.unsubscribe += 1;
        return same;
      },
    };
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
