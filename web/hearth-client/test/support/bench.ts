import type { FetchInit, FetchResponse, HearthOptions } from "../../src/index.js";
import { HearthClient } from "../../src/index.js";
import { Clock } from "./clock.js";
import { Random } from "./random.js";

/**
 * What a test answers to a request, `delay` milliseconds later perhaps; an error is a failure of the network, and nothing
 * is no answer at all.
 */
export type Handler = (
  call: { method: string; path: string; headers: Record<string, string>; body: unknown },
  count: number,
) => { status: number; body?: unknown; headers?: Record<string, string>; delay?: number } | Error | undefined;

/** A client whose requests a test answers by hand, in virtual time. */
export class Bench {
  readonly clock = new Clock();
  readonly calls: { method: string; path: string; headers: Record<string, string>; body: unknown }[] = [];
  readonly errors: unknown[] = [];
  readonly client: HearthClient;
  /** What the token provider was asked. */
  readonly tokens: boolean[] = [];

  constructor(handler: Handler, options: Partial<HearthOptions> = {}) {
    const random = new Random(1);
    const { environment, ...others } = options;
    this.client = new HearthClient({
      apiUrl: "https://hearth.test/base/",
      wsUrl: "wss://hearth.test/live",
      token: ({ renew }) => {
        this.tokens.push(renew);
        return `token-${this.tokens.length}`;
      },
      onError: (error) => this.errors.push(error),
      environment: {
        fetch: (url, init) => this.#fetch(handler, url, init),
        WebSocket: null,
        XMLHttpRequest: null,
        schedule: this.clock.scheduler("client"),
        now: this.clock.now,
        random: random.next,
        window: null,
        document: null,
        ...environment,
      },
      ...others,
    });
  }

  #fetch(handler: Handler, url: string, init: FetchInit): Promise<FetchResponse> {
    return new Promise((resolve, reject) => {
      const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : init.body;
      const call = { method: init.method, path: url.replace("https://hearth.test", ""), headers: init.headers, body };
      this.calls.push(call);
      init.signal.addEventListener("abort", () => reject(init.signal.reason));
      const reply = handler(call, this.calls.length);
      if (reply instanceof Error) reject(reply);
      else if (reply !== undefined) {
        const { status, body = {}, headers = {}, delay = 0 } = reply;
        const text = typeof body === "string" ? body : JSON.stringify(body);
        const answer = { status, headers: { get: (name: string) => headers[name] ?? null }, text: async () => text };
        if (delay === 0) resolve(answer);
        else this.clock.scheduler("server")(() => resolve(answer), delay);
      }
    });
  }
}

/** What a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it was not rejected");
}
