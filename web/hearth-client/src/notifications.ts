import { backoff, type Context, isTemporary, Pause, toHearthError } from "./context.js";
import { HearthError } from "./errors.js";
import { withLock } from "./locks.js";
import { type Choice, NotificationChoice } from "./notification-choice.js";
import type {
  Notifications,
  NotificationsOptions,
  NotificationsState,
  NotificationsStatus,
} from "./notification-types.js";
import { PushDevice } from "./push-device.js";
import { LazyStore } from "./store.js";
import type { Store } from "./types.js";

/** A call of `enable` or `disable` that has not taken effect yet. */
interface Waiter {
  readonly on: boolean;
  resolve(): void;
  reject(error: unknown): void;
}

/** The name of the lock for changes of the browser's subscription, which all tabs and users of the page share. */
const LOCK = "hearth-notifications";

/**
 * Creates or removes the browser's push subscription and its registration on the server, as the user has chosen. The
 * choice is stored first: if the page is closed before the choice has taken effect, the next start of the page
 * continues. Each step reads the choice again, because another tab may have changed it.
 */
export class PushNotifications implements Notifications {
  readonly state: Store<NotificationsState>;
  readonly #context: Context;
  readonly #store: LazyStore<NotificationsState>;
  readonly #choice: NotificationChoice;
  readonly #device: PushDevice;
  readonly #pause = new Pause();
  readonly #waiters = new Set<Waiter>();
  /** Aborted when the user makes another choice. */
  #request = new AbortController();
  /** The number of calls of `disable`. */
  #disabled = 0;
  /** The deployment's public key; null until it is known. */
  #publicKey: string | null = null;
  /**
   * The server's error if the deployment sends no notifications; null if it does, and until the server has answered.
   */
  #unavailable: HearthError | null = null;
  #running = false;
  /**
   * True after the creation of the client until `#run` carries out the stored choice, at the end of the current turn.
   */
  #starting: boolean;
  #asking = false;
  #error: HearthError | null = null;
  /** Whether `#error` is permanent. */
  #failed = false;
  /** The permission when it was last checked. */
  #permission: NotificationPermission;

  constructor(context: Context, options: NotificationsOptions | undefined) {
    this.#context = context;
    const changed = () => this.#store.changed();
    this.#store = new LazyStore(() => this.#state(), context.report);
    this.state = this.#store;
    this.#device = new PushDevice(context.env, options?.worker, changed, context.report);
    this.#permission = this.#device.permission;
    this.#choice = new NotificationChoice(context, options, () => {
      this.#error = null;
      this.#failed = false;
      changed();
    });
    context.closing.add(() => this.#close());
    const { env, closing } = context;
    const { signal } = closing;
    context.network.add(() => this.#retryNow());
    env.document?.addEventListener("visibilitychange", () => this.#checkPermission(), { signal });
    this.#starting = options !== undefined;
    // Renew the registration after the current turn, when the application has finished creating the client.
    queueMicrotask(() => {
      if (this.#starting) this.#run();
      this.#starting = false;
    });
  }

  async enable(): Promise<void> {
    if (this.#unavailable !== null) throw this.#unavailable;
    const disabled = this.#disabled;
    // Do not await anything before this call: Safari asks for permission only while it handles a click.
    const asked = this.#device.requestPermission();
    this.#asking = true;
    this.#store.changed();
    const permission = await asked.finally(() => {
      this.#asking = false;
      this.#permission = this.#device.permission;
      this.#store.changed();
    });
    this.#context.closing.signal.throwIfAborted();
    if (disabled !== this.#disabled) throw replaced();
    if (permission === "granted") await this.#choose(true);
  }

  async disable(): Promise<void> {
    this.#disabled += 1;
    if (this.#choice.read() !== null) await this.#choose(false);
  }

  /**
   * Retries now instead of at the next retry, and also after a permanent error. Called when the network may be back.
   */
  #retryNow(): void {
    this.#pause.endNow();
    if (this.#failed && this.#choice.read()?.on === true) this.#run();
  }

  /**
   * Ends notifications on this device, also offline, and keeps the choice for the user's next sign-in. Called just before
   * the client is closed. Resolves after `timing.answer` at the latest.
   */
  async signOut(): Promise<void> {
    if (this.#choice.read() === null) return;
    const { api, env, timing, report } = this.#context;
    const end = async () => {
      const choice = this.#choice.read();
      if (choice === null) return;
      // If this request is lost, the server removes the registration later: the push service refuses its next
      // notification.
      if (choice.id !== null) api.deletePushSubscriptionAtClose(choice.id);
      await this.#device.unsubscribe();
      this.#choice.write(choice.on ? { on: true, id: null } : null);
    };
    const ended = this.#device.ready.then(() => withLock(env, LOCK, end));
    await new Promise<void>((resolve) => {
      const cancel = env.schedule(resolve, timing.answer);
      ended.catch(report).then(() => {
        cancel();
        resolve();
      });
    });
  }

  /** Stores the user's choice. Resolves when the choice has taken effect. */
  #choose(on: boolean): Promise<void> {
    const id = this.#choice.read()?.id ?? null;
    this.#choice.write({ on, id });
    this.#error = null;
    this.#failed = false;
    for (const waiter of this.#waiters) if (waiter.on !== on) this.#end(waiter, () => waiter.reject(replaced()));
    const effect = new Promise<void>((resolve, reject) => {
      this.#waiters.add({ on, resolve, reject });
    });
    this.#request.abort();
    this.#pause.endNow();
    this.#run();
    return effect;
  }

  #run(): void {
    if (this.#running || this.#context.closing.closed) return;
    this.#running = true;
    this.#request = new AbortController();
    this.#store.changed();
    void this.#follow()
      .catch(this.#context.report)
      .finally(() => {
        this.#running = false;
        this.#store.changed();
        // The request was aborted: the user has made another choice after the last step.
        if (this.#request.signal.aborted) this.#run();
        else this.#endWaiters(({ resolve }) => resolve());
      });
  }

  /** Carries out the stored choice, with retries. Ends when the choice has taken effect, or after a permanent error. */
  async #follow(): Promise<void> {
    const { env, closing } = this.#context;
    for (let attempt = 0; !closing.closed; ) {
      if (this.#request.signal.aborted) {
        this.#request = new AbortController();
        attempt = 0;
      }
      const { signal } = this.#request;
      try {
        if (this.#choice.read()?.on === false) await this.#locked(() => this.#remove(signal), signal);
        await this.#loadKey(signal);
        if (this.#choice.read()?.on === true) await this.#locked(() => this.#register(signal), signal);
        if (!this.#failed) this.#error = null;
        return;
      } catch (error) {
        if (closing.closed) return;
        if (signal.aborted) continue;
        if (!isTemporary(error)) return this.#fail(toHearthError(error));
        // After `disable`, do not show the error: only the registration on the server is left, and the browser receives
        // no more notifications.
        if (this.#choice.read()?.on !== false) this.#error = toHearthError(error);
        this.#store.changed();
        await this.#pause.wait(env, backoff(this.#context, attempt, error));
        attempt += 1;
      }
    }
  }

  /** Runs a step unless the user has made another choice, or signed out, while another tab held the lock. */
  async #locked(step: () => Promise<void>, signal: AbortSignal): Promise<void> {
    await this.#device.ready;
    return withLock(this.#context.env, LOCK, async () => {
      signal.throwIfAborted();
      await step();
    });
  }

  async #remove(signal: AbortSignal): Promise<void> {
    const choice = this.#choice.read();
    if (choice?.on !== false) return;
    await this.#device.unsubscribe();
    signal.throwIfAborted();
    this.#endWaiters(({ resolve }) => resolve());
    if (choice.id !== null) {
      await this.#context.api.deletePushSubscription(choice.id, { signal }).catch((error: unknown) => {
        if (!(error instanceof HearthError) || error.status !== 404) throw error;
      });
    }
    if (this.#choice.read()?.on === false) this.#choice.write(null);
  }

  async #loadKey(signal: AbortSignal): Promise<void> {
    if (this.#publicKey !== null || this.#device.obstacle === "unsupported") return;
    try {
      this.#publicKey = (await this.#context.api.pushKey({ signal })).publicKey;
    } catch (error) {
      // A 404 means that the deployment sends no notifications, or that an older server does not have the route.
      if (error instanceof HearthError && error.status === 404) this.#unavailable = error;
      throw error;
    }
  }

  async #register(signal: AbortSignal): Promise<void> {
    const granted = () => this.#device.permission === "granted";
    if (this.#choice.read()?.on !== true || this.#publicKey === null || !granted()) return;
    const publicKey = this.#publicKey;
    const register = async (renew: boolean) => {
      const subscription = await this.#device.subscribe(publicKey, renew);
      signal.throwIfAborted();
      return await this.#context.api.putPushSubscription(subscription.toJSON(), { signal });
    };
    try {
      const { id } = await register(false).catch((error: unknown) => {
        // Another user has registered this subscription's endpoint with other keys. A new subscription has another
        // endpoint.
        if (!(error instanceof HearthError) || error.code !== "endpoint_taken") throw error;
        return register(true);
      });
      this.#choice.write({ on: this.#choice.read()?.on ?? true, id });
      this.#failed = false;
    } catch (error) {
      // If the user has withdrawn the permission in the meantime, the status says so, and the error is not needed.
      if (granted()) throw error;
    }
  }

  #fail(error: HearthError): void {
    this.#error = error;
    this.#failed = true;
    const enabling = [...this.#waiters].some(({ on }) => on);
    this.#endWaiters(({ reject }) => reject(error));
    if (!enabling) return;
    // The user sees the status `off`, so store this choice: otherwise the next start would switch notifications on.
    this.#choice.write({ on: false, id: this.#choice.read()?.id ?? null });
    this.#request.abort();
  }

  #checkPermission(): void {
    const { permission } = this.#device;
    if (permission === this.#permission) return;
    this.#permission = permission;
    this.#store.changed();
    if (permission === "granted") this.#run();
  }

  #endWaiters(end: (waiter: Waiter) => void): void {
    for (const waiter of this.#waiters) this.#end(waiter, () => end(waiter));
  }

  #end(waiter: Waiter, end: () => void): void {
    this.#waiters.delete(waiter);
    this.#store.changed();
    end();
  }

  #close(): void {
    this.#request.abort();
    this.#pause.endNow();
    this.#endWaiters(({ reject }) => reject(this.#context.closing.signal.reason));
  }

  #state(): NotificationsState {
    const choice = this.#choice.read();
    const following = this.#starting || this.#running;
    const busy = this.#asking || this.#waiters.size > 0 || (following && choice?.on !== false);
    return { status: this.#status(choice), busy, error: this.#error };
  }

  #status(choice: Choice | null): NotificationsStatus {
    const { obstacle, permission } = this.#device;
    if (obstacle === "unsupported") return obstacle;
    if (this.#unavailable !== null) return "unavailable";
    if (obstacle !== null) return obstacle;
    if (permission === "denied") return "denied";
    const on = choice?.on === true && choice.id !== null && permission === "granted" && !this.#failed;
    return on ? "on" : "off";
  }
}

function replaced(): DOMException {
  return new DOMException("The user has made another choice.", "AbortError");
}
