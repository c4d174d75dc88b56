import { backoff, type Context, toHearthError } from "./context.js";
import { HearthError } from "./errors.js";
import { channelOf, type Frame, INBOX } from "./frames.js";
import type { Transport } from "./http.js";
import { Socket, type SocketHandlers } from "./socket.js";
import { callSafely, LazyStore } from "./store.js";
import { SubscribeLimit } from "./subscribe-limit.js";
import type { ConnectionState, ConnectionStatus, Store } from "./types.js";

/** An event that does not answer a frame. URLs of files are absolute. */
export type Push = Exclude<Frame, { event: "subscribed" | "unsubscribed" | "accepted" | "pong" | "error" }>;

/** Callbacks of one follower of a channel, about the channel's subscription. */
export interface ChannelHandler {
  /**
   * Called when the server has acknowledged a subscribe. `last` contains the thread's last `seq` and `rev`; for the
   * inbox it contains neither. Later events are pushed, so fetch by REST what was missed up to `last`. `replacing` is
   * true if the subscribe was sent on a new socket that will replace an older one, on which events were pushed until
   * now.
   */
  subscribed(last: { seq?: number; rev?: number }, replacing: boolean): void;
  /** Called when the subscription to the channel is refused permanently. */
  refused(error: HearthError): void;
  /**
   * Called when a socket could not be opened although REST works. No events are pushed for now, so fetch new messages
   * and changes by REST.
   */
  pushUnavailable(): void;
}

/** A connection attempt, until its socket becomes the current one. */
interface PendingSocket {
  /** Null until the ticket that opens the socket has been fetched. */
  socket: Socket | null;
  opened: boolean;
  /** When the connection's token expires, in milliseconds since 1970; null if the token is not a JWT with `exp`. */
  tokenExpiresAt: number | null;
}

/**
 * Maximum number of channels that one client subscribes to at the same time. The server allows 500 channels during a
 * connection's lifetime, including those that were unsubscribed, so 100 are left for threads that are opened later.
 * Threads in a list need no channel.
 */
const MAX_CHANNELS = 400;
/**
 * How many milliseconds to wait after the server has closed the connection because the user has too many connections. A
 * new connection makes the server close the user's oldest one, so with early retries the user's clients would displace
 * each other again and again.
 */
const TOO_MANY_CONNECTIONS_WAIT = 5 * 60_000;
/** If a connection lasted this many milliseconds, the backoff of reconnections starts again from its shortest wait. */
const STABLE_AFTER = 10_000;
/**
 * How many milliseconds the connection stays open after the last thread is closed, so that another thread can be opened
 * without a reconnection.
 */
const DISCONNECT_DELAY = 5_000;
/** How many milliseconds before a token expires the client renews it and replaces the socket. */
const RENEW_BEFORE_EXPIRY = 60_000;

/**
 * The connection on which the server pushes events. It is open while any channel has a handler, reconnects with
 * backoff, and subscribes each socket to all channels with handlers. Before a socket's token expires or API Gateway
 * closes the socket, it opens a new socket, and closes the old one when the new one is subscribed to all channels.
 */
export class LiveConnection {
  readonly store: Store<ConnectionState>;
  readonly #store: LazyStore<ConnectionState>;
  readonly #context: Context;
  readonly #transport: Transport;
  readonly #url: string;
  readonly #channels = new Map<string, Set<ChannelHandler>>();
  readonly #pushListeners = new Set<(push: Push) => void>();
  readonly #resubscribedListeners = new Set<() => void>();
  /**
   * The objects that are fetching missed messages, changes or threads. With any of them, the status is `catching-up`.
   */
  readonly #behind = new Set<object>();
  readonly #subscribeLimit = new SubscribeLimit();
  #current: Socket | null = null;
  /** The connection attempt in progress. Its socket will become `#current`. */
  #next: PendingSocket | null = null;
  #attempt = 0;
  #error: HearthError | null = null;
  #retry: { at: number; cancel: () => void } | null = null;
  #cancelReplacement = () => {};
  #cancelDisconnect = () => {};
  /**
   * The last socket for which the listeners of `onResubscribed` were called, so that they are called once per socket.
   */
  #resubscribedSocket: Socket | null = null;

  constructor(context: Context, transport: Transport, url: string) {
    this.#context = context;
    this.#transport = transport;
    this.#url = url;
    this.#store = new LazyStore(() => this.#state(), context.report);
    this.store = this.#store;
    this.#listenToPlatform();
  }

  /**
   * Subscribes to a channel, and connects if necessary. Returns a function that removes the handler. When the last
   * handler of a channel is removed, the channel is unsubscribed.
   */
  followChannel(channel: string, handler: ChannelHandler): () => void {
    if (this.#context.env.WebSocket === null) {
      throw new TypeError(
        "This platform has no WebSocket. Pass an implementation as the option environment.WebSocket.",
      );
    }
    const handlers = this.#channels.get(channel) ?? new Set();
    if (handlers.size === 0 && this.#channels.size >= MAX_CHANNELS && channel !== INBOX) {
      const detail = `At most ${MAX_CHANNELS} threads can be open or followed at once. Close a thread first.`;
      const error = new HearthError({ kind: "http", code: "too_many_subscriptions", detail });
      queueMicrotask(() => handler.refused(error));
      return () => {};
    }
    handlers.add(handler);
    this.#channels.set(channel, handlers);
    // Subscribe again even if the channel is subscribed: the new handler needs the last `seq` and `rev` of the
    // acknowledgement, after which all events are pushed.
    this.#current?.subscribe(channel);
    this.#next?.socket?.subscribe(channel);
    this.#cancelDisconnect();
    this.#ensureConnection();
    this.#store.changed();
    return () => this.#unfollowChannel(channel, handler);
  }

  /**
   * Calls `listener` for each event that does not answer a frame. The same event may arrive more than once. Returns a
   * function that removes the listener.
   */
  onPush(listener: (push: Push) => void): () => void {
    this.#pushListeners.add(listener);
    return () => this.#pushListeners.delete(listener);
  }

  /**
   * Tells the other members of a thread that the caller is typing. Returns false, and sends no frame, if the socket is
   * not subscribed to the thread's channel.
   */
  sendTyping(threadId: string): boolean {
    return this.#current?.sendTyping(channelOf(threadId)) ?? false;
  }

  /**
   * Calls `listener` each time a new socket is subscribed to all channels. Events may have been missed before that, so
   * the listener should request the current state by REST. Returns a function that removes the listener.
   */
  onResubscribed(listener: () => void): () => void {
    this.#resubscribedListeners.add(listener);
    return () => this.#resubscribedListeners.delete(listener);
  }

  /** Records whether `fetcher` is fetching missed messages, changes or threads: the status is then `catching-up`. */
  setBehind(fetcher: object, behind: boolean): void {
    if (behind ? this.#behind.has(fetcher) : !this.#behind.delete(fetcher)) return;
    if (behind) this.#behind.add(fetcher);
    this.#store.changed();
  }

  /** Connects now instead of waiting for the next retry. If connected, pings to find out whether the socket works. */
  reconnectNow(): void {
    if (this.#current !== null) this.#current.ping();
    else if (this.#retry !== null) this.#connect();
  }

  close(): void {
    this.#channels.clear();
    this.#pushListeners.clear();
    this.#resubscribedListeners.clear();
    this.#disconnect();
  }

  #unfollowChannel(channel: string, handler: ChannelHandler): void {
    const handlers = this.#channels.get(channel);
    if (!handlers?.delete(handler) || handlers.size > 0) return;
    this.#channels.delete(channel);
    this.#current?.unsubscribe(channel);
    this.#next?.socket?.unsubscribe(channel);
    if (this.#channels.size > 0) return;
    this.#cancelDisconnect = this.#context.env.schedule(() => this.#disconnect(), DISCONNECT_DELAY);
  }

  /** Closes the sockets and cancels all retries. */
  #disconnect(): void {
    this.#cancelDisconnect();
    this.#cancelReplacement();
    this.#retry?.cancel();
    this.#retry = null;
    this.#current?.close();
    this.#next?.socket?.close();
    this.#current = this.#next = this.#error = null;
    this.#attempt = 0;
    this.#store.changed();
  }

  #ensureConnection(): void {
    if (this.#current === null && this.#next === null && this.#retry === null) this.#connect();
  }

  /** Starts a connection attempt. The current socket, if any, stays open until the new one replaces it. */
  #connect(): void {
    this.#retry?.cancel();
    this.#retry = null;
    if (this.#next !== null || this.#channels.size === 0 || this.#context.closing.closed) return;
    const next: PendingSocket = { socket: null, opened: false, tokenExpiresAt: null };
    this.#next = next;
    this.#open(next).catch((error: unknown) => {
      if (this.#next === next) this.#attemptFailed(toHearthError(error));
    });
    this.#store.changed();
  }

  async #open(next: PendingSocket): Promise<void> {
    await this.#transport.renewIfExpiring(2 * RENEW_BEFORE_EXPIRY);
    const { ticket } = await this.#context.api.wsTicket();
    if (this.#next !== next) return;
    const { exp } = this.#transport.claims;
    next.tokenExpiresAt = exp === undefined ? null : exp * 1000;
    const url = `${this.#url}${this.#url.includes("?") ? "&" : "?"}ticket=${encodeURIComponent(ticket)}`;
    const socket = this.#createSocket(next, url);
    if (socket === null) return;
    next.socket = socket;
    for (const channel of this.#channels.keys()) socket.subscribe(channel);
  }

  /**
   * Creates a socket. Returns null if the browser refuses it because of the page's content security policy, or because
   * the URL is `ws:` on an HTTPS page.
   */
  #createSocket(next: PendingSocket, url: string): Socket | null {
    const handlers: SocketHandlers = {
      opened: () => {
        next.opened = true;
        // If there is no current socket, use this one at once, before it is subscribed.
        if (this.#current === null) this.#promote();
        this.#subscriptionsChanged();
      },
      frame: (frame) => callSafely(this.#context.report, () => this.#handleFrame(frame, next)),
      refused: (channel, error) => {
        for (const handler of [...(this.#channels.get(channel) ?? [])]) handler.refused(error);
      },
      changed: () => this.#subscriptionsChanged(),
      lost: (error) => this.#socketLost(socket, error),
    };
    let socket: Socket | null = null;
    try {
      socket = new Socket(this.#context, url, this.#subscribeLimit, handlers);
    } catch (cause) {
      const detail = `The browser refused the connection. Check wsUrl and the page's content security policy. ${cause}`;
      this.#attemptFailed(new HearthError({ kind: "network", code: "network_error", detail, cause }));
      if (this.#current === null) this.#pushUnavailable();
    }
    return socket;
  }

  /** Makes the next socket the current one, and schedules its replacement. */
  #promote(): void {
    const { socket, tokenExpiresAt } = this.#next ?? { socket: null, tokenExpiresAt: null };
    if (socket === null) return;
    this.#current?.close();
    this.#current = socket;
    this.#next = null;
    this.#error = null;
    this.#retry?.cancel();
    this.#retry = null;
    const { env, timing } = this.#context;
    // With clock skew, a new token may seem to be expired. A minimum lifetime of one minute prevents endless
    // reconnections.
    const lifetime =
      tokenExpiresAt === null
        ? timing.socketAge
        : Math.max(RENEW_BEFORE_EXPIRY, tokenExpiresAt - env.now() - RENEW_BEFORE_EXPIRY);
    this.#cancelReplacement();
    this.#cancelReplacement = env.schedule(() => this.#connect(), Math.min(timing.socketAge, lifetime));
  }

  #subscriptionsChanged(): void {
    if (this.#current !== null && this.#next?.socket?.fullySubscribed) this.#promote();
    const current = this.#current;
    if (current?.fullySubscribed && current !== this.#resubscribedSocket) {
      this.#resubscribedSocket = current;
      for (const listener of [...this.#resubscribedListeners]) listener();
    }
    this.#store.changed();
  }

  #handleFrame(frame: Frame, from: PendingSocket): void {
    if (frame.event === "subscribed") {
      const replacing = from === this.#next && this.#current !== null;
      const handlers = [...(this.#channels.get(frame.data.channel) ?? [])];
      for (const handler of handlers) handler.subscribed(frame.data, replacing);
    } else if (frame.event === "message:new") {
      this.#push({ ...frame, data: { ...frame.data, message: this.#context.api.absolute(frame.data.message) } });
    } else if (frame.event === "message:changed") {
      this.#push({ ...frame, data: { ...frame.data, message: this.#context.api.absolute(frame.data.message) } });
    } else if (frame.event === "file:status") {
      this.#push({ ...frame, data: { ...frame.data, thumbUrl: this.#context.api.link(frame.data.thumbUrl) } });
    } else {
      this.#push(frame as Push);
    }
  }

  #push(push: Push): void {
    for (const listener of [...this.#pushListeners]) callSafely(this.#context.report, () => listener(push));
  }

  #socketLost(socket: Socket | null, error: HearthError): void {
    if (socket === null) return;
    if (socket === this.#next?.socket) {
      const blocked = !this.#next.opened && this.#current === null;
      this.#attemptFailed(error);
      if (blocked) this.#pushUnavailable();
    } else if (socket === this.#current) {
      this.#current = null;
      this.#cancelReplacement();
      if (this.#context.env.now() - socket.openedAt >= STABLE_AFTER) this.#attempt = 0;
      this.#error = error;
      if (this.#next?.opened) this.#promote();
      else if (this.#next === null) this.#scheduleRetry(error);
    }
    this.#subscriptionsChanged();
  }

  #pushUnavailable(): void {
    for (const handlers of [...this.#channels.values()]) {
      for (const { pushUnavailable } of [...handlers]) pushUnavailable();
    }
  }

  #attemptFailed(error: HearthError): void {
    this.#next = null;
    this.#error = error;
    this.#scheduleRetry(error);
    this.#subscriptionsChanged();
  }

  #scheduleRetry(error: HearthError): void {
    if (this.#channels.size === 0 || this.#context.closing.closed) return;
    const { env } = this.#context;
    const displaced = error.code === "too_many_connections" ? TOO_MANY_CONNECTIONS_WAIT : 0;
    const wait = displaced + backoff(this.#context, this.#attempt, error);
    this.#attempt += 1;
    this.#retry?.cancel();
    this.#retry = { at: env.now() + wait, cancel: env.schedule(() => this.#connect(), wait) };
  }

  /** Disconnects when the browser goes offline. Reconnects when it is online again, or the page becomes visible. */
  #listenToPlatform(): void {
    const { window, document } = this.#context.env;
    const { signal } = this.#context.closing;
    const offline = () => {
      const detail = "The device is offline. The connection is restored when the network is back.";
      const error = new HearthError({ kind: "network", code: "network_error", detail });
      const { socket } = this.#next ?? { socket: null };
      socket?.close();
      this.#current?.close();
      const wanted = this.#current !== null || this.#next !== null;
      this.#current = this.#next = null;
      this.#cancelReplacement();
      if (wanted) this.#attemptFailed(error);
    };
    window?.addEventListener("offline", offline, { signal });
    window?.addEventListener("online", () => this.reconnectNow(), { signal });
    const visible = () => {
      if (document?.visibilityState === "visible") this.reconnectNow();
    };
    document?.addEventListener("visibilitychange", visible, { signal });
  }

  #state(): ConnectionState {
    const status: ConnectionStatus =
      this.#current !== null
        ? this.#current.fullySubscribed && this.#behind.size === 0
          ? "live"
          : "catching-up"
        : this.#next !== null
          ? "connecting"
          : "offline";
    const nextTryAt = status === "offline" ? (this.#retry?.at ?? null) : null;
    return { status, nextTryAt, error: status === "live" ? null : this.#error };
  }
}
