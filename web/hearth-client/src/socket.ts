import { backoff, type Context } from "./context.js";
import { HearthError } from "./errors.js";
import { type Frame, parseFrame } from "./frames.js";
import type { SocketLike } from "./types.js";

export interface SocketHandlers {
  opened(): void;
  /** `message:new`, `file:status` and `subscribed`. */
  frame(frame: Frame): void;
  /** A channel that cannot be subscribed to, for good. */
  refused(channel: string, error: HearthError): void;
  /** Every channel that is wanted has been acknowledged, or one no longer has. */
  changed(): void;
  /** It is over, for this reason; called once, and not after `close`. */
  lost(error: HearthError): void;
}

/** What a socket knows of a channel. One action at a time is under way: API Gateway does not keep their order. */
interface Subscription {
  wanted: boolean;
  acknowledged: boolean;
  /** Whether the server may have it: a subscribe was sent, and no unsubscribe acknowledged since. */
  held: boolean;
  /** Answers to frames with a lower `id` say what was, before somebody else began to listen. */
  since: number;
  action: "subscribe" | "unsubscribe" | null;
  /** The `id` of the action's frame. */
  id: number;
  tries: number;
  /** No answer to an unsubscribe came in time: it may still take effect, at any moment. */
  doubtful: boolean;
  cancel: () => void;
}

/** One socket, from its opening to its end. It ends itself when the server no longer answers. */
export class Socket {
  readonly openedAt: number;
  readonly #context: Context;
  readonly #handlers: SocketHandlers;
  readonly #socket: SocketLike;
  readonly #subscriptions = new Map<string, Subscription>();
  #open = false;
  #over = false;
  #heardAt: number;
  #nextId = 1;
  /** Of the opening, then of the next ping, then of its answer. */
  #cancel: () => void;

  constructor(context: Context, url: string, handlers: SocketHandlers) {
    const { env, timing } = context;
    const WebSocket = env.WebSocket;
    if (WebSocket === null) throw new TypeError("This platform has no WebSocket: pass one as environment.WebSocket.");
    this.#context = context;
    this.#handlers = handlers;
    this.openedAt = env.now();
    this.#heardAt = env.now();
    this.#socket = new WebSocket(url);
    this.#socket.onopen = () => this.#opened();
    this.#socket.onmessage = (event: { data: unknown }) => this.#heard(event.data);
    // An error event says nothing but that `close` follows.
    this.#socket.onerror = () => {};
    this.#socket.onclose = (event: { code?: number }) => {
      this.#lose(this.#open ? `The connection was closed (${event.code ?? "?"}).` : "The connection was refused.");
    };
    this.#cancel = env.schedule(() => this.#lose("The connection did not open in time."), timing.open);
  }

  /** Whether everything that is wanted is subscribed to. */
  get settled(): boolean {
    if (!this.#open) return false;
    for (const { wanted, acknowledged } of this.#subscriptions.values()) if (wanted && !acknowledged) return false;
    return true;
  }

  /** Subscribes, or asks once more: each acknowledgement carries the channel's `seq` as it is then. */
  subscribe(channel: string): void {
    const subscription = this.#subscriptions.get(channel) ?? {
      wanted: true,
      acknowledged: false,
      held: false,
      since: 0,
      action: null,
      id: 0,
      tries: 0,
      doubtful: false,
      cancel: () => {},
    };
    subscription.wanted = true;
    subscription.acknowledged = false;
    subscription.since = this.#nextId;
    this.#subscriptions.set(channel, subscription);
    if (subscription.doubtful) queueMicrotask(() => this.#lose("The server did not answer to an unsubscribe."));
    else this.#advance(channel, subscription);
  }

  unsubscribe(channel: string): void {
    const subscription = this.#subscriptions.get(channel);
    if (subscription === undefined) return;
    subscription.wanted = false;
    this.#advance(channel, subscription);
  }

  /** Asks whether the server is there. It is lost if no answer comes in time. */
  probe(): void {
    if (!this.#open || this.#over) return;
    this.#cancel();
    this.#send({ action: "ping", id: this.#id() });
    this.#cancel = this.#context.env.schedule(() => {
      this.#lose("The server does not answer any more.");
    }, this.#context.timing.answer);
  }

  /** Ends it without a word to the handlers. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancel();
    for (const { cancel } of this.#subscriptions.values()) cancel();
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(1000);
  }

  #opened(): void {
    if (this.#over) return;
    this.#open = true;
    this.#heardAt = this.#context.env.now();
    this.#scheduleProbe();
    for (const [channel, subscription] of this.#subscriptions) this.#advance(channel, subscription);
    this.#handlers.opened();
  }

  /** Pings before the connection has been idle for too long, which is when nothing was heard. */
  #scheduleProbe(): void {
    const { env, timing } = this.#context;
    this.#cancel();
    this.#cancel = env.schedule(
      () => {
        if (env.now() - this.#heardAt >= timing.ping) this.probe();
        else this.#scheduleProbe();
      },
      Math.max(0, this.#heardAt + timing.ping - env.now()),
    );
  }

  #heard(text: unknown): void {
    const frame = parseFrame(text);
    if (this.#over || frame === null) return;
    this.#heardAt = this.#context.env.now();
    if (frame.event === "error") {
      this.#failed(frame.data, frame.id);
    } else if (frame.event === "pong") {
      this.#scheduleProbe();
    } else if (frame.event === "subscribed" || frame.event === "unsubscribed") {
      this.#acknowledged(frame);
    } else {
      this.#handlers.frame(frame);
    }
  }

  #acknowledged(frame: Extract<Frame, { event: "subscribed" | "unsubscribed" }>): void {
    const { channel } = frame.data;
    const subscription = this.#subscriptions.get(channel);
    const id = Number(frame.id);
    if (subscription === undefined || frame.event !== `${subscription.action}d`) return;
    if (frame.event === "subscribed" && subscription.wanted && id >= subscription.since) {
      finish(subscription);
      subscription.acknowledged = true;
      this.#handlers.frame(frame);
    } else if (id === subscription.id) {
      finish(subscription);
      if (frame.event === "unsubscribed") subscription.held = false;
    }
    this.#advance(channel, subscription);
    this.#handlers.changed();
  }

  #failed({ code, detail = code, channel }: { code: string; detail?: string; channel?: string }, id?: unknown): void {
    const error = new HearthError({ kind: "http", code: code as HearthError["code"], detail });
    const subscription = channel === undefined ? undefined : this.#subscriptions.get(channel);
    const failing = code === "internal" || code === "unavailable";
    if (code === "connection_expired") {
      this.#lose(detail, "connection_expired");
    } else if (subscription === undefined || channel === undefined) {
      // A ping that failed is missed soon, and a thread that was left is nobody's concern: the rest is a fault of ours.
      if (channel === undefined && !failing) this.#context.report(error);
    } else if (code === "too_many_subscriptions") {
      this.#lose(detail, code);
    } else if (failing) {
      // What an earlier frame came to says nothing of the one that is under way.
      if (id !== undefined && Number(id) !== subscription.id) return;
      // Not at once, but before the answer would be missed.
      const { tries } = subscription;
      finish(subscription);
      subscription.tries = tries;
      const again = () => this.#advance(channel, subscription);
      subscription.cancel = this.#context.env.schedule(again, backoff(this.#context, tries));
    } else {
      finish(subscription);
      this.#subscriptions.delete(channel);
      this.#handlers.refused(channel, error);
      this.#handlers.changed();
    }
  }

  /** Brings a channel one step nearer to what is wanted of it. */
  #advance(channel: string, subscription: Subscription): void {
    if (!this.#open || this.#over || subscription.action !== null) return;
    subscription.cancel();
    if (subscription.wanted) {
      if (!subscription.acknowledged) this.#act(channel, subscription, "subscribe");
    } else if (subscription.held) {
      subscription.acknowledged = false;
      this.#act(channel, subscription, "unsubscribe");
    } else {
      this.#subscriptions.delete(channel);
    }
  }

  #act(channel: string, subscription: Subscription, action: "subscribe" | "unsubscribe"): void {
    subscription.action = action;
    subscription.tries += 1;
    if (action === "subscribe") subscription.held = true;
    subscription.cancel = this.#context.env.schedule(() => {
      if (action === "unsubscribe" && !subscription.wanted) {
        subscription.doubtful = true;
      } else if (!subscription.wanted) {
        // It may have been done, or be done yet.
        finish(subscription);
        this.#advance(channel, subscription);
      } else if (action === "unsubscribe" || subscription.tries > 1) {
        // An unsubscribe that is still on its way would undo the next subscribe.
        this.#lose("The server does not answer any more.");
      } else {
        this.#act(channel, subscription, action);
      }
    }, this.#context.timing.answer);
    subscription.id = this.#id();
    this.#send({ action, channel, id: subscription.id });
  }

  #id(): number {
    this.#nextId += 1;
    return this.#nextId - 1;
  }

  #send(frame: object): void {
    try {
      this.#socket.send(JSON.stringify(frame));
    } catch (cause) {
      // In a moment: whoever sends is in the middle of something.
      queueMicrotask(() => this.#lose(`The frame could not be sent: ${cause}`));
    }
  }

  #lose(detail: string, code: HearthError["code"] = "network_error"): void {
    if (this.#over) return;
    this.close();
    this.#handlers.lost(new HearthError({ kind: code === "network_error" ? "network" : "http", code, detail }));
  }
}

function finish(subscription: Subscription): void {
  subscription.cancel();
  subscription.action = null;
  subscription.tries = 0;
  subscription.doubtful = false;
}
