import type { Fetch, FetchResponse, Message } from "../../src/index.js";
import { Backend } from "./backend.js";
import type { Clock } from "./clock.js";
import { FakeSocket } from "./fake-socket.js";
import { FakeStream, shownInFrame } from "./fake-stream.js";
import type { Faults } from "./faults.js";
import type { Random } from "./random.js";
import type { Reply } from "./replies.js";
import type { StoredFile } from "./stored-files.js";

/** The network of one device, and the fake server's records about the device. */
export interface Network {
  up: boolean;
  /** The number of subscribes and unsubscribes on the device's open sockets that the server has not handled yet. */
  unhandledFrames: number;
  /** Until when the server has refused the device's messages by `Retry-After`, in milliseconds since 1970. */
  refusedUntil: number;
}

/** A fake of the REST API and the WebSocket server that injects faults. */
export class FakeServer {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly random: Random;
  readonly sockets = new Set<FakeSocket>();
  readonly #stream: FakeStream;
  readonly #schedule: (callback: () => void, milliseconds: number) => () => void;
  readonly #tickets = new Map<string, { user: string; until: number; tokenUntil: number }>();
  readonly #revoked = new Set<string>();
  #issued = 0;
  faults: Faults;
  /** Channels whose pushes may be up to 20 minutes late. */
  readonly slowChannels = new Set<string>();
  /** The REST requests received, such as `GET /api/threads?limit=100`. */
  readonly requests: string[] = [];
  /** The largest number of subscribes and unsubscribes of one device that were unhandled at the same time. */
  mostUnhandledFrames = 0;
  /** The number of messages and changes that were sent before the time that a `Retry-After` had told the device. */
  earlyMessages = 0;
  /**
   * The number of typing frames that the server has dropped, because the one before came less than 5 seconds earlier.
   */
  droppedTyping = 0;
  /** The number of typing frames received. */
  typingFrames = 0;

  constructor(clock: Clock, random: Random, faults: Faults) {
    this.clock = clock;
    this.random = random;
    this.faults = faults;
    this.#schedule = clock.scheduler("server");
    this.backend = new Backend(clock.now);
    this.#stream = new FakeStream(this);
    this.backend.committed = (message) => this.#committed(message);
    this.backend.changed = (thread, seq, rev, kind) => this.#stream.changed(thread, seq, rev, kind);
    this.backend.created = (thread) => this.#stream.created(thread);
    this.backend.memberChanged = (thread, user, what) => this.#stream.memberChanged(thread, user, what);
    this.backend.uploaded = (file) => this.after(random.int(300, 8_000), () => this.#inspect(file));
  }

  after(milliseconds: number, callback: () => void): void {
    this.#schedule(callback, milliseconds);
  }

  /** Returns a token that expires after `lifetime` milliseconds. If `opaque`, it is not a JWT. */
  token(user: string, lifetime: number, opaque: boolean): string {
    this.#issued += 1;
    const exp = (this.clock.now() + lifetime) / 1000;
    const text = btoa(JSON.stringify({ sub: user, exp, jti: this.#issued }));
    return opaque ? `opaque:${text}` : `x.${text}.y`;
  }

  /** Uses up a ticket. Returns the ticket's user and when the user's token expires; null if the ticket is not valid. */
  redeem(ticket: string): { user: string; tokenUntil: number } | null {
    const known = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    const now = this.clock.now();
    return known !== undefined && known.until > now && known.tokenUntil > now ? known : null;
  }

  /** Returns a `fetch` function that sends a device's requests to this server. */
  fetch(network: Network): Fetch {
    return (url, init) =>
      new Promise<FetchResponse>((resolve, reject) => {
        const { faults, random } = this;
        const sends = init.method !== "GET" && url.includes("/messages");
        if (sends && this.clock.now() < network.refusedUntil) this.earlyMessages += 1;
        const fail = () => reject(new TypeError("fetch failed"));
        init.signal.addEventListener("abort", () => reject(init.signal.reason));
        if (!network.up) return this.after(random.int(1, 50), fail);
        if (random.chance(faults.hang)) return;
        const latency = () => random.int(5, 80) + (random.chance(faults.slow) ? random.int(500, 8_000) : 0);
        if (random.chance(faults.requestLost)) return this.after(latency(), fail);
        this.after(latency(), () => {
          const reply = this.#reply(url, init.method, init.headers, init.body);
          const hidden = reply.expired === true && random.chance(faults.expiryHidden);
          const lost = random.chance(faults.answerLost) || hidden;
          this.after(latency(), () => {
            if (lost || !network.up) return fail();
            const seconds = Number(reply.headers?.["retry-after"] ?? 0);
            if (sends) network.refusedUntil = Math.max(network.refusedUntil, this.clock.now() + seconds * 1_000);
            resolve(response(reply));
          });
        });
      });
  }

  #reply(url: string, method: string, headers: Record<string, string>, body: unknown): Reply {
    const { faults, random } = this;
    this.requests.push(`${method} ${url.replace("https://hearth.test", "")}`);
    if (random.chance(faults.errorBefore)) return { status: 503, body: { message: "Service Unavailable" } };
    if (random.chance(faults.throttled)) {
      const wait = random.chance(0.5) ? { "retry-after": String(random.int(1, 5)) } : {};
      return { status: 429, body: { message: "Too Many Requests" }, headers: wait };
    }
    const storage = new URL(url).pathname.startsWith("/storage/");
    if (!storage && random.chance(faults.captivePortal))
      return { status: 200, body: "<html>Welcome to our hotel</html>" };
    const reply = this.#route(new URL(url), method, headers, body);
    if (random.chance(faults.errorAfter)) return { status: 500, body: { message: "Internal Server Error" } };
    return reply;
  }

  #route(url: URL, method: string, headers: Record<string, string>, body: unknown): Reply {
    if (url.pathname.startsWith("/storage/")) return this.backend.answer("", method, url, headers, body);
    const token = (headers.authorization ?? "").replace("Bearer ", "");
    if (this.random.chance(this.faults.unauthorized)) this.#revoked.add(token);
    const { sub, exp } = JSON.parse(atob(token.split(/[.:]/)[1] ?? "")) as { sub: string; exp: number };
    const expired = exp * 1000 <= this.clock.now();
    if (expired || this.#revoked.has(token)) return { status: 401, body: { message: "Unauthorized" }, expired };
    if (url.pathname === "/api/ws-tickets") {
      const ticket = `ticket-${this.#tickets.size}-${this.#issued}-${this.requests.length}`;
      const until = this.clock.now() + (this.random.chance(this.faults.ticketExpired) ? 0 : 60_000);
      this.#tickets.set(ticket, { user: sub, until, tokenUntil: exp * 1000 });
      return { status: 200, body: { ticket, expiresIn: 60 } };
    }
    return this.backend.answer(sub, method, url, headers, typeof body === "string" ? JSON.parse(body) : body);
  }

  #committed(message: Message): void {
    const thread = this.backend.threads.get(message.threadId);
    if (thread === undefined) throw new Error(`The message is of an unknown thread: ${message.threadId}`);
    const data = { threadId: message.threadId, ...shownInFrame(message) };
    const event = () => ({ event: "message:new", data });
    const results = [...this.sockets].map((socket) => ({ socket, result: socket.push(`thread:${thread.id}`, event) }));
    // A socket that has received `message:new` gets no event for the inbox. But if a push to any socket is late, all
    // sockets get one.
    const told = results.some(({ result }) => result === "late")
      ? []
      : results.filter(({ result }) => result === "pushed").map(({ socket }) => socket);
    this.#stream.committed(thread, message, new Set(told));
  }

  #inspect(file: StoredFile): void {
    // The file was erased in the meantime, together with the message that contained it.
    if (!this.backend.files.has(file.id)) return;
    file.status = this.random.chance(this.faults.fileBad) ? "failed" : "ready";
    const thumbUrl = file.status === "ready" ? `/thumbs/${file.id}.jpg` : null;
    const frame = () => ({ event: "file:status", data: { fileId: file.id, status: file.status, thumbUrl } });
    const shared = [...this.backend.threads.keys()].filter((threadId) => {
      return this.backend.messages(threadId).some(({ attachments }) => attachments.some(({ id }) => id === file.id));
    });
    for (const socket of this.sockets) {
      if (this.random.chance(this.faults.statusLost)) continue;
      for (const channel of [`user:${file.owner}`, ...shared.map((id) => `thread:${id}`)]) socket.push(channel, frame);
    }
  }

  /** Returns a `WebSocket` class that connects a device to this server. */
  socketClass(network: Network): new (url: string) => FakeSocket {
    const server = this;
    return class extends FakeSocket {
      constructor(url: string) {
        super(server, network, url);
      }
    };
  }
}

function response({ status, body, headers = {} }: Reply): FetchResponse {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { status, headers: { get: (name) => headers[name] ?? null }, text: async () => text };
}
