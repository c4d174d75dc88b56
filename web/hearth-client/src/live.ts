import { backoff, type Context, hearthError } from "./context.js";
import { HearthError } from "./errors.js";
import { channelOf, type Frame } from "./frames.js";
import type { Transport } from "./http.js";
import { Socket, type SocketHandlers } from "./socket.js";
import { guarded, LazyStore } from "./store.js";
import type { ConnectionState, ConnectionStatus, FileStatusEvent, Message, Store } from "./types.js";

/** What follows a channel. */
export interface ChannelHandler {
  message(message: Message, truncated: boolean): void;
  /** It is subscribed to, anew perhaps: what is committed behind `seq` is pushed, up to it ask REST. */
  subscribed(seq: number): void;
  refused(error: HearthError): void;
  /** A socket was refused where requests pass: nothing is pushed for now, and REST may know more. */
  unheard(): void;
}

/** A connection in the making. */
interface Next {
  socket: Socket | null;
  opened: boolean;
  /** When the token behind it runs out, in milliseconds since 1970, where the token tells. */
  tokenUntil: number | null;
}

/** Channels that are subscribed to at most; the server allows a connection 500 in its life, old ones included. */
const CHANNELS = 400;
/** A connection that lasted so long was a good one: the next try after it is the first. */
const GOOD = 10_000;
/** Nobody follows anything: a moment later the connection ends. In between, another thread may be opened. */
const LINGER = 5_000;
/** A token is renewed, and the connection with it, so long before it runs out. */
const RENEWAL = 60_000;

/**
 * The live connection: a socket, and for a while two where one replaces the other. It connects while something is
 * followed, again and again with backoff, and subscribes every socket to all that is followed.
 */
export class Live {
  readonly store: Store<ConnectionState>;
  readonly #store: LazyStore<ConnectionState>;
  readonly #context: Context;
  readonly #transport: Transport;
  readonly #url: string;
  readonly #channels = new Map<string, Set<ChannelHandler>>();
  readonly #files = new Set<(event: FileStatusEvent) => void>();
  readonly #back = new Set<() => void>();
  readonly #behind = new Set<object>();
  /** The socket that carries. */
  #current: Socket | null = null;
  /** The one that is to take over: a ticket is fetched for it, it opens, or it subscribes. */
  #next: Next | null = null;
  #attempt = 0;
  #error: HearthError | null = null;
  #retry: { at: number; cancel: () => void } | null = null;
  #cancelRotation = () => {};
  #cancelLinger = () => {};
  /** The socket that `onBack` was told of. */
  #announced: Socket | null = null;

  constructor(context: Context, transport: Transport, url: string) {
    this.#context = context;
    this.#transport = transport;
    this.#url = url;
    this.#store = new LazyStore(() => this.#state(), context.report);
    this.store = this.#store;
    this.#listen();
  }

  /** Follows a thread's channel until the function that is returned is called. */
  join(threadId: string, handler: ChannelHandler): () => void {
    if (this.#context.env.WebSocket === null) {
      throw new TypeError("This platform has no WebSocket: pass one as environment.WebSocket.");
    }
    const channel = channelOf(threadId);
    const handlers = this.#channels.get(channel) ?? new Set();
    if (handlers.size === 0 && this.#channels.size >= CHANNELS) {
      const detail = `At most ${CHANNELS} threads can be followed at once.`;
      const error = new HearthError({ kind: "http", code: "too_many_subscriptions", detail });
      queueMicrotask(() => handler.refused(error));
      return () => {};
    }
    handlers.add(handler);
    this.#channels.set(channel, handlers);
    // Also where it is subscribed to already: who joins needs a barrier of their own.
    this.#current?.subscribe(channel);
    this.#next?.socket?.subscribe(channel);
    this.#cancelLinger();
    this.#ensure();
    this.#changed();
    return () => this.#leave(channel, handler);
  }

  /** Hears every `file:status`, twice perhaps. */
  onFile(listener: (event: FileStatusEvent) => void): () => void {
    this.#files.add(listener);
    return () => this.#files.delete(listener);
  }

  /** Is told each time everything is subscribed to anew: what was not pushed meanwhile has to be asked for. */
  onBack(listener: () => void): () => void {
    this.#back.add(listener);
    return () => this.#back.delete(listener);
  }

  /** Somebody misses something, or no longer. */
  setBehind(who: object, behind: boolean): void {
    if (behind ? this.#behind.has(who) : !this.#behind.delete(who)) return;
    if (behind) this.#behind.add(who);
    this.#changed();
  }

  /** Connects now where it would wait; asks a connection that is there whether it still is. */
  nudge(): void {
    if (this.#current !== null) this.#current.probe();
    else if (this.#retry !== null) this.#connect();
  }

  close(): void {
    this.#channels.clear();
    this.#files.clear();
    this.#back.clear();
    this.#end();
  }

  #leave(channel: string, handler: ChannelHandler): void {
    const handlers = this.#channels.get(channel);
    if (!handlers?.delete(handler) || handlers.size > 0) return;
    this.#channels.delete(channel);
    this.#current?.unsubscribe(channel);
    this.#next?.socket?.unsubscribe(channel);
    if (this.#channels.size > 0) return;
    this.#cancelLinger = this.#context.env.schedule(() => this.#end(), LINGER);
  }

  /** Ends the connection and every try. */
  #end(): void {
    this.#cancelLinger();
    this.#cancelRotation();
    this.#retry?.cancel();
    this.#retry = null;
    this.#current?.close();
    this.#next?.socket?.close();
    this.#current = this.#next = this.#error = null;
    this.#attempt = 0;
    this.#changed();
  }

  #ensure(): void {
    if (this.#current === null && this.#next === null && this.#retry === null) this.#connect();
  }

  /** Makes a connection, beside the present one if there is one. */
  #connect(): void {
    this.#retry?.cancel();
    this.#retry = null;
    if (this.#next !== null || this.#channels.size === 0 || this.#context.closing.done) return;
    const next: Next = { socket: null, opened: false, tokenUntil: null };
    this.#next = next;
    this.#open(next).catch((error: unknown) => {
      if (this.#next === next) this.#failed(hearthError(error));
    });
    this.#changed();
  }

  async #open(next: Next): Promise<void> {
    await this.#transport.freshen(2 * RENEWAL);
    const { ticket } = await this.#context.api.wsTicket();
    if (this.#next !== next) return;
    const { exp } = this.#transport.claims;
    next.tokenUntil = exp === undefined ? null : exp * 1000;
    const url = `${this.#url}${this.#url.includes("?") ? "&" : "?"}ticket=${encodeURIComponent(ticket)}`;
    const socket = this.#make(next, url);
    if (socket === null) return;
    next.socket = socket;
    for (const channel of this.#channels.keys()) socket.subscribe(channel);
  }

  /** A socket to be, or null where the platform allows none: a page's policy, or a `ws:` URL on an HTTPS page. */
  #make(next: Next, url: string): Socket | null {
    const handlers: SocketHandlers = {
      opened: () => {
        next.opened = true;
        // Without another to carry meanwhile, it does so at once.
        if (this.#current === null) this.#promote();
        this.#settle();
      },
      frame: (frame) => guarded(this.#context.report, () => this.#hear(frame)),
      refused: (channel, error) => {
        for (const handler of [...(this.#channels.get(channel) ?? [])]) handler.refused(error);
      },
      changed: () => this.#settle(),
      lost: (error) => this.#lost(socket, error),
    };
    let socket: Socket | null = null;
    try {
      socket = new Socket(this.#context, url, handlers);
    } catch (cause) {
      const detail = `The platform refuses the connection: ${cause}`;
      this.#failed(new HearthError({ kind: "network", code: "network_error", detail, cause }));
      if (this.#current === null) this.#unheard();
    }
    return socket;
  }

  /** The next socket carries from here on. */
  #promote(): void {
    const { socket, tokenUntil } = this.#next ?? { socket: null, tokenUntil: null };
    if (socket === null) return;
    this.#current?.close();
    this.#current = socket;
    this.#next = null;
    this.#error = null;
    this.#retry?.cancel();
    this.#retry = null;
    const { env, timing } = this.#context;
    // Where clocks differ, a token may seem to have run out: no reason to connect anew without end.
    const left = tokenUntil === null ? timing.socketAge : Math.max(RENEWAL, tokenUntil - env.now() - RENEWAL);
    this.#cancelRotation();
    this.#cancelRotation = env.schedule(() => this.#connect(), Math.min(timing.socketAge, left));
  }

  /** Something was subscribed to, or is to be. */
  #settle(): void {
    if (this.#current !== null && this.#next?.socket?.settled) this.#promote();
    const current = this.#current;
    if (current?.settled && current !== this.#announced) {
      this.#announced = current;
      for (const listener of [...this.#back]) listener();
    }
    this.#changed();
  }

  #hear(frame: Frame): void {
    if (frame.event === "file:status") {
      const { fileId, status, thumbUrl } = frame.data;
      const event = { fileId, status, thumbUrl: this.#context.api.link(thumbUrl) };
      for (const listener of [...this.#files]) guarded(this.#context.report, () => listener(event));
    } else if (frame.event === "message:new") {
      const { threadId, message, truncated } = frame.data;
      const absolute = this.#context.api.absolute(message);
      for (const handler of [...(this.#channels.get(channelOf(threadId)) ?? [])]) {
        handler.message(absolute, truncated === true);
      }
    } else if (frame.event === "subscribed") {
      for (const handler of [...(this.#channels.get(frame.data.channel) ?? [])]) handler.subscribed(frame.data.seq);
    }
  }

  #lost(socket: Socket | null, error: HearthError): void {
    if (socket === null) return;
    if (socket === this.#next?.socket) {
      const blocked = !this.#next.opened && this.#current === null;
      this.#failed(error);
      if (blocked) this.#unheard();
    } else if (socket === this.#current) {
      this.#current = null;
      this.#cancelRotation();
      if (this.#context.env.now() - socket.openedAt >= GOOD) this.#attempt = 0;
      this.#error = error;
      if (this.#next?.opened) this.#promote();
      else if (this.#next === null) this.#again(error);
    }
    this.#settle();
  }

  #unheard(): void {
    for (const handlers of [...this.#channels.values()]) for (const { unheard } of [...handlers]) unheard();
  }

  /** The next socket came to nothing. */
  #failed(error: HearthError): void {
    this.#next = null;
    this.#error = error;
    this.#again(error);
    this.#settle();
  }

  #again(error: HearthError): void {
    if (this.#channels.size === 0 || this.#context.closing.done) return;
    const { env } = this.#context;
    const wait = backoff(this.#context, this.#attempt, error);
    this.#attempt += 1;
    this.#retry?.cancel();
    this.#retry = { at: env.now() + wait, cancel: env.schedule(() => this.#connect(), wait) };
  }

  /** The platform says that the network is gone or back, or that somebody looks at the page again. */
  #listen(): void {
    const { window, document } = this.#context.env;
    const { signal } = this.#context.closing;
    const offline = () => {
      const detail = "The device is offline.";
      const error = new HearthError({ kind: "network", code: "network_error", detail });
      const { socket } = this.#next ?? { socket: null };
      socket?.close();
      this.#current?.close();
      const wanted = this.#current !== null || this.#next !== null;
      this.#current = this.#next = null;
      this.#cancelRotation();
      if (wanted) this.#failed(error);
    };
    window?.addEventListener("offline", offline, { signal });
    window?.addEventListener("online", () => this.nudge(), { signal });
    const visible = () => {
      if (document?.visibilityState === "visible") this.nudge();
    };
    document?.addEventListener("visibilitychange", visible, { signal });
  }

  #state(): ConnectionState {
    const status: ConnectionStatus =
      this.#current !== null
        ? this.#current.settled && this.#behind.size === 0
          ? "live"
          : "catching-up"
        : this.#next !== null
          ? "connecting"
          : "offline";
    const nextTryAt = status === "offline" ? (this.#retry?.at ?? null) : null;
    return { status, nextTryAt, error: status === "live" ? null : this.#error };
  }

  #changed(): void {
    this.#store.changed();
  }
}
