import { backoff, type Context } from "./context.js";
import { HearthError } from "./errors.js";
import { type Frame, parseFrame } from "./frames.js";
import type { SubscribeLimit } from "./subscribe-limit.js";
import type { SocketLike } from "./types.js";

export interface SocketHandlers {
  opened(): void;
  /** Called for `subscribed`, and for events that do not answer a frame. */
  frame(frame: Frame): void;
  /** Called when the server refuses a subscription permanently. */
  refused(channel: string, error: HearthError): void;
  /** Called when `fullySubscribed` may have changed. */
  changed(): void;
  /** Called once when the socket has failed or was closed by the server, but not after `close`. */
  lost(error: HearthError): void;
}

type Action = "subscribe" | "unsubscribe";

/**
 * The state of a channel's subscription on one socket. At most one subscribe or unsubscribe is in progress at a time,
 * because API Gateway does not keep the order of frames.
 */
interface Subscription {
  wanted: boolean;
  acknowledged: boolean;
  /**
   * Whether the subscription may exist on the server: true from when a subscribe is sent until an unsubscribe is
   * acknowledged.
   */
  mayExist: boolean;
  /**
   * The smallest `id` of a subscribe frame whose acknowledgement counts. Earlier frames were sent before the newest
   * handler was added, so the `seq` in their acknowledgements may be too old for that handler.
   */
  minId: number;
  /** The subscribe or unsubscribe in progress, or null. */
  action: Action | null;
  /** The `id` of the frame that was last sent for the channel. */
  id: number;
  attempts: number;
  /**
   * Whether an unsubscribe was not answered in time. It may still take effect at any later moment, and would then undo
   * a new subscribe.
   */
  unsubscribeUnanswered: boolean;
  cancel: () => void;
}

/** One WebSocket with its subscriptions. When the server no longer answers, closes the WebSocket and calls `lost`. */
export class Socket {
  readonly openedAt: number;
  readonly #context: Context;
  readonly #handlers: SocketHandlers;
  readonly #limit: SubscribeLimit;
  readonly #socket: SocketLike;
  readonly #subscriptions = new Map<string, Subscription>();
  #open = false;
  #closed = false;
  #lastFrameAt: number;
  #nextId = 1;
  /**
   * Cancels the current timer: at first the timeout for opening the socket, then alternately the one for the next ping
   * and the timeout for its pong.
   */
  #cancel: () => void;

  constructor(context: Context, url: string, limit: SubscribeLimit, handlers: SocketHandlers) {
    const { env, timing } = context;
    const WebSocket = env.WebSocket;
    if (WebSocket === null) {
      throw new TypeError(
        "This platform has no WebSocket. Pass an implementation as the option environment.WebSocket.",
      );
    }
    this.#context = context;
    this.#handlers = handlers;
    this.#limit = limit;
    this.openedAt = env.now();
    this.#lastFrameAt = env.now();
    this.#socket = new WebSocket(url);
    this.#socket.onopen = () => this.#opened();
    this.#socket.onmessage = (event: { data: unknown }) => this.#received(event.data);
    // Ignore error events: they have no details, and a close event always follows.
    this.#socket.onerror = () => {};
    this.#socket.onclose = (event: { code?: number }) => {
      this.#fail(
        this.#open
          ? `The connection was closed (code ${event.code ?? "unknown"}).`
          : "The connection was refused by the server or the network.",
      );
    };
    this.#cancel = env.schedule(() => this.#fail(`The connection did not open within ${timing.open} ms.`), timing.open);
  }

  /** Whether the server has acknowledged all wanted subscriptions. */
  get fullySubscribed(): boolean {
    if (!this.#open) return false;
    for (const { wanted, acknowledged } of this.#subscriptions.values()) if (wanted && !acknowledged) return false;
    return true;
  }

  /**
   * Subscribes to a channel. If the channel is subscribed already, subscribes again, because the caller needs a new
   * acknowledgement: it contains the last `seq` and `rev`, after which all events are pushed.
   */
  subscribe(channel: string): void {
    const subscription = this.#subscriptions.get(channel) ?? {
      wanted: true,
      acknowledged: false,
      mayExist: false,
      minId: 0,
      action: null,
      id: 0,
      attempts: 0,
      unsubscribeUnanswered: false,
      cancel: () => {},
    };
    subscription.wanted = true;
    subscription.acknowledged = false;
    subscription.minId = this.#nextId;
    this.#subscriptions.set(channel, subscription);
    if (subscription.unsubscribeUnanswered) {
      queueMicrotask(() => this.#fail("The server did not answer an unsubscribe request."));
    } else this.#update(channel, subscription);
  }

  unsubscribe(channel: string): void {
    const subscription = this.#subscriptions.get(channel);
    if (subscription === undefined) return;
    subscription.wanted = false;
    this.#update(channel, subscription);
  }

  /** Sends a typing frame if the channel is subscribed. Returns whether it was sent. The server does not answer it. */
  sendTyping(channel: string): boolean {
    if (!this.#open || this.#closed || !this.#subscriptions.get(channel)?.acknowledged) return false;
    this.#send({ action: "typing", channel });
    return true;
  }

  /** Sends a ping. The socket fails if no pong arrives within `timing.answer`. */
  ping(): void {
    if (!this.#open || this.#closed) return;
    this.#cancel();
    this.#send({ action: "ping", id: this.#takeId() });
    this.#cancel = this.#context.env.schedule(() => {
      this.#fail("The server no longer answers on this connection.");
    }, this.#context.timing.answer);
  }

  /** Closes the socket. No handler is called afterwards. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancel();
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(1000);
    for (const subscription of this.#subscriptions.values()) this.#endAction(subscription);
  }

  #opened(): void {
    if (this.#closed) return;
    this.#open = true;
    this.#lastFrameAt = this.#context.env.now();
    this.#schedulePing();
    for (const [channel, subscription] of this.#subscriptions) this.#update(channel, subscription);
    this.#handlers.opened();
  }

  /** Schedules a ping, to be sent once no frame has arrived for `timing.ping` milliseconds. */
  #schedulePing(): void {
    const { env, timing } = this.#context;
    this.#cancel();
    this.#cancel = env.schedule(
      () => {
        if (env.now() - this.#lastFrameAt >= timing.ping) this.ping();
        else this.#schedulePing();
      },
      Math.max(0, this.#lastFrameAt + timing.ping - env.now()),
    );
  }

  #received(text: unknown): void {
    const frame = parseFrame(text);
    if (this.#closed || frame === null) return;
    this.#lastFrameAt = this.#context.env.now();
    if (frame.event === "error") {
      this.#errorReceived(frame.data, frame.id);
    } else if (frame.event === "pong") {
      this.#schedulePing();
    } else if (frame.event === "subscribed" || frame.event === "unsubscribed") {
      this.#acknowledged(frame);
    } else if (frame.event !== "accepted") {
      this.#handlers.frame(frame);
    }
  }

  #acknowledged(frame: Extract<Frame, { event: "subscribed" | "unsubscribed" }>): void {
    const { channel } = frame.data;
    const subscription = this.#subscriptions.get(channel);
    const id = Number(frame.id);
    if (subscription === undefined || frame.event !== `${subscription.action}d`) return;
    if (frame.event === "subscribed" && subscription.wanted && id >= subscription.minId) {
      this.#endAction(subscription);
      subscription.acknowledged = true;
      this.#handlers.frame(frame);
    } else if (id === subscription.id) {
      this.#endAction(subscription);
      if (frame.event === "unsubscribed") subscription.mayExist = false;
    }
    this.#update(channel, subscription);
    this.#handlers.changed();
  }

  #errorReceived(
    { code, detail = code, channel }: { code: string; detail?: string; channel?: string },
    id?: unknown,
  ): void {
    const error = new HearthError({ kind: "http", code, detail });
    const subscription = channel === undefined ? undefined : this.#subscriptions.get(channel);
    const temporary = code === "internal" || code === "unavailable";
    if (code === "connection_expired" || code === "too_many_connections") {
      this.#fail(detail, code);
    } else if (subscription === undefined || channel === undefined) {
      // Ignore errors about channels that are no longer subscribed. A temporary error without a channel answers a ping,
      // so the pong's timeout handles it. Report any other error without a channel: it shows a bug in this library.
      if (channel === undefined && !temporary) this.#context.report(error);
    } else if (code === "too_many_subscriptions") {
      this.#fail(detail, code);
    } else if (temporary) {
      // Ignore an error that answers an earlier frame: it says nothing about the action in progress.
      if (id !== undefined && Number(id) !== subscription.id) return;
      const { attempts } = subscription;
      this.#endAction(subscription);
      subscription.attempts = attempts;
      const retry = () => this.#update(channel, subscription);
      subscription.cancel = this.#context.env.schedule(retry, backoff(this.#context, attempts));
    } else {
      this.#endAction(subscription);
      this.#subscriptions.delete(channel);
      this.#handlers.refused(channel, error);
      this.#handlers.changed();
    }
  }

  /**
   * Sends the subscribe or unsubscribe that the channel needs, unless one is in progress, or the client has too many
   * unanswered frames: then it is sent later. Forgets a channel that is neither wanted nor subscribed.
   */
  #update(channel: string, subscription: Subscription): void {
    if (!this.#open || this.#closed || subscription.action !== null) return;
    subscription.cancel();
    const { wanted, acknowledged, mayExist } = subscription;
    if (wanted ? acknowledged : !mayExist) {
      this.#limit.release(subscription);
      if (!wanted) this.#subscriptions.delete(channel);
    } else if (this.#limit.take(subscription, () => this.#update(channel, subscription))) {
      subscription.acknowledged = false;
      this.#startAction(channel, subscription, wanted ? "subscribe" : "unsubscribe");
    }
  }

  #startAction(channel: string, subscription: Subscription, action: Action): void {
    subscription.action = action;
    subscription.attempts += 1;
    if (action === "subscribe") subscription.mayExist = true;
    subscription.cancel = this.#context.env.schedule(() => {
      if (action === "unsubscribe" && !subscription.wanted) {
        subscription.unsubscribeUnanswered = true;
        this.#limit.release(subscription);
      } else if (!subscription.wanted) {
        // The unanswered subscribe may have taken effect, or may still do so. So unsubscribe in any case.
        this.#endAction(subscription);
        this.#update(channel, subscription);
      } else if (action === "unsubscribe" || subscription.attempts > 1) {
        // Do not subscribe after an unanswered unsubscribe: if the unsubscribe is only late, it would undo the
        // subscribe.
        this.#fail("The server no longer answers on this connection.");
      } else {
        this.#startAction(channel, subscription, action);
      }
    }, this.#context.timing.answer);
    subscription.id = this.#takeId();
    this.#send({ action, channel, id: subscription.id });
  }

  #endAction(subscription: Subscription): void {
    subscription.cancel();
    subscription.action = null;
    subscription.attempts = 0;
    subscription.unsubscribeUnanswered = false;
    this.#limit.release(subscription);
  }

  #takeId(): number {
    this.#nextId += 1;
    return this.#nextId - 1;
  }

  #send(frame: object): void {
    try {
      this.#socket.send(JSON.stringify(frame));
    } catch (cause) {
      // Fail after the current call has finished, because its callers may still use the socket's state.
      queueMicrotask(() => this.#fail(`The frame could not be sent: ${cause}`));
    }
  }

  #fail(detail: string, code: HearthError["code"] = "network_error"): void {
    if (this.#closed) return;
    this.close();
    this.#handlers.lost(new HearthError({ kind: code === "network_error" ? "network" : "http", code, detail }));
  }
}
