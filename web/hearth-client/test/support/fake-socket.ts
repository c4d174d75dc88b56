import type { SocketLike } from "../../src/index.js";
import type { FakeServer, Network } from "./fake-server.js";
import type { StoredThread } from "./stored-thread.js";

const MINUTE = 60_000;

/**
 * A fake WebSocket, which simulates the client's socket and the server's answers. Frames may overtake each other,
 * because the real server handles each frame in a Lambda invocation of its own.
 */
export class FakeSocket implements SocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly #server: FakeServer;
  readonly #network: Network;
  /** The channels that the server has subscribed this socket to. */
  readonly channels = new Set<string>();
  /** The user of the socket; empty until it is open. */
  user = "";
  #state: "opening" | "open" | "dead" | "closed" = "opening";
  #unresponsive = false;
  #expiresAt = 0;
  #lastFrame = 0;
  #subscribed = 0;
  /** The number of subscribes and unsubscribes that the server has not handled yet. */
  #unhandled = 0;
  #lastTyping = Number.NEGATIVE_INFINITY;

  constructor(server: FakeServer, network: Network, url: string) {
    this.#server = server;
    this.#network = network;
    const { faults, random } = server;
    if (random.chance(faults.socketNeverOpens)) return;
    server.after(random.int(20, 300), () => this.#open(new URL(url).searchParams.get("ticket") ?? ""));
  }

  get alive(): boolean {
    return this.#state === "open";
  }

  /** Whether the client has closed the socket and removed its handlers. */
  get released(): boolean {
    return this.onclose === null;
  }

  send(text: string): void {
    if (this.#state === "opening") throw new Error("InvalidStateError");
    if (!this.alive || !this.#network.up) return;
    this.#lastFrame = this.#server.clock.now();
    const { random } = this.#server;
    const frame = JSON.parse(text) as { action: string; channel?: string; id?: unknown };
    const counted = frame.action.endsWith("subscribe") ? 1 : 0;
    this.#countUnhandled(counted);
    this.#server.after(random.int(5, random.chance(0.1) ? 3_000 : 150), () => {
      if (this.#state === "closed") return;
      this.#countUnhandled(-counted);
      if (this.alive) this.#act(frame);
    });
  }

  close(): void {
    this.#countUnhandled(-this.#unhandled);
    this.#state = "closed";
    this.#server.sockets.delete(this);
  }

  /** Closes the socket from the server's side. The client gets a close event. */
  closeByServer(): void {
    if (this.#state === "closed") return;
    this.#countUnhandled(-this.#unhandled);
    this.#state = "closed";
    this.#server.sockets.delete(this);
    this.#server.after(this.#server.random.int(1, 100), () => this.onclose?.({ code: 1006 } as never));
  }

  /** Tells the client that its user has too many connections, and closes the socket, as the server does. */
  displace(): void {
    const data = { code: "too_many_connections", detail: "You have too many connections." };
    this.onmessage?.({ data: JSON.stringify({ event: "error", data }) } as never);
    this.closeByServer();
  }

  /** Breaks the connection. Neither side gets an event. */
  dieSilently(): void {
    if (this.alive) this.#state = "dead";
  }

  /**
   * Pushes an event, if the socket is subscribed to the channel. `event` returns the event, and is called when the push
   * is sent, which may be late. Returns `late` if the event, or a copy of it, is late.
   */
  push(channel: string, event: () => object): "pushed" | "late" | "not subscribed" {
    const { faults, random, clock } = this.#server;
    if (!this.channels.has(channel) || this.#expiresAt <= clock.now()) return "not subscribed";
    const copies = random.chance(faults.pushTwice) ? 2 : 1;
    let result: "pushed" | "late" = "pushed";
    for (let copy = 0; copy < copies; copy += 1) {
      const push = () => this.#deliver(event(), random.int(5, 200));
      if (random.chance(faults.pushLate)) {
        result = "late";
        const most = random.chance(0.2) && this.#server.slowChannels.has(channel) ? 20 * MINUTE : 40_000;
        this.#server.after(random.int(1_000, most), push);
      } else push();
    }
    return result;
  }

  #open(ticket: string): void {
    const { faults, random, clock } = this.#server;
    if (this.#state !== "opening") return;
    const holder = this.#server.redeem(ticket);
    if (holder === null || !this.#network.up || random.chance(faults.socketRefused)) return this.closeByServer();
    this.#state = "open";
    this.#server.sockets.add(this);
    this.user = holder.user;
    this.channels.add(`user:${holder.user}`);
    this.#expiresAt = holder.tokenUntil;
    this.#unresponsive = random.chance(faults.socketUnresponsive);
    this.#lastFrame = clock.now();
    if (random.chance(faults.socketClosed)) this.#server.after(random.int(0, 5 * MINUTE), () => this.closeByServer());
    if (random.chance(faults.socketDies)) this.#server.after(random.int(0, 5 * MINUTE), () => this.dieSilently());
    this.#server.after(120 * MINUTE, () => this.closeByServer());
    this.#watchIdle();
    this.onopen?.({} as never);
  }

  #watchIdle(): void {
    const idle = this.#server.clock.now() - this.#lastFrame;
    if (!this.alive) return;
    if (idle >= 10 * MINUTE) this.closeByServer();
    else this.#server.after(10 * MINUTE - idle, () => this.#watchIdle());
  }

  #act({ action, channel = "", id }: { action: string; channel?: string; id?: unknown }): void {
    const { faults, random, clock, backend } = this.#server;
    const answer = (frame: object) => {
      if (!this.#unresponsive) this.#deliver({ ...frame, id }, random.int(5, random.chance(0.1) ? 2_000 : 150));
    };
    const fail = (code: string) => answer({ event: "error", data: { code, detail: code, channel } });
    if (random.chance(faults.frameGarbled)) {
      return this.#deliver({ message: "Internal server error", connectionId: "c", requestId: "r" }, 10);
    }
    if (action === "unsubscribe") {
      this.channels.delete(channel);
      return answer({ event: "unsubscribed", data: { channel } });
    }
    if (this.#expiresAt <= clock.now()) return fail("connection_expired");
    if (action === "ping") return answer({ event: "pong" });
    if (action === "typing") return this.#type(channel);
    if (random.chance(faults.frameError)) return fail(random.pick(["internal", "unavailable"]));
    const thread = backend.threads.get(channel.replace("thread:", ""));
    const inbox = channel === "inbox";
    if (!inbox && !thread?.memberIds.includes(this.user)) return fail("thread_not_found");
    this.#subscribed += this.channels.has(channel) ? 0 : 1;
    if (this.#subscribed > 500) return fail("too_many_subscriptions");
    this.channels.add(channel);
    answer({ event: "subscribed", data: inbox ? { channel } : { channel, ...last(thread) } });
  }

  /**
   * Tells the thread's other subscribers that the user is typing. Sends no answer, because typing frames have no `id`.
   */
  #type(channel: string): void {
    const { clock, random, sockets } = this.#server;
    this.#server.typingFrames += 1;
    if (!this.channels.has(channel)) return;
    if (clock.now() - this.#lastTyping < 5_000) {
      this.#server.droppedTyping += 1;
      return;
    }
    this.#lastTyping = clock.now();
    const frame = { event: "typing", data: { threadId: channel.replace("thread:", ""), userId: this.user } };
    for (const socket of sockets) {
      if (socket.user !== this.user && socket.channels.has(channel)) socket.#deliver(frame, random.int(5, 200));
    }
  }

  #countUnhandled(change: number): void {
    this.#unhandled += change;
    this.#network.unhandledFrames += change;
    this.#server.mostUnhandledFrames = Math.max(this.#server.mostUnhandledFrames, this.#network.unhandledFrames);
  }

  #deliver(frame: object, delay: number): void {
    this.#lastFrame = this.#server.clock.now();
    this.#server.after(delay, () => {
      if (this.alive && this.#network.up) this.onmessage?.({ data: JSON.stringify(frame) } as never);
    });
  }
}

function last(thread: StoredThread | undefined): { seq: number; rev: number } {
  return { seq: thread?.messages.length ?? 0, rev: thread?.changes.length ?? 0 };
}
