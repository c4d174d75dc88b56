import type { FetchInit, FetchResponse, HearthOptions } from "../../src/index.js";
import { HearthClient } from "../../src/index.js";
import { Clock } from "./clock.js";
import { Random } from "./random.js";

/**
 * Returns the response to a request, which arrives after `delay` milliseconds. If it returns an `Error`, `fetch`
 * rejects with it, as after a network failure. If it returns undefined, no response arrives. `count` is the number of
 * requests so far, including this one.
 */
export type Handler = (
  call: { method: string; path: string; headers: Record<string, string>; body: unknown },
  count: number,
) => { status: number; body?: unknown; headers?: Record<string, string>; delay?: number } | Error | undefined;

/** A client in virtual time, whose requests are answered by a handler. */
export class ClientFixture {
  readonly clock = new Clock();
  readonly calls: {
    method: string;
    path: string;
    headers: Record<string, string>;
    body: unknown;
    keepalive: boolean;
  }[] = [];
  readonly errors: unknown[] = [];
  readonly client: HearthClient;
  /** The values of `renew` with which the token provider was called, in order. */
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
      const { method, headers, keepalive = false } = init;
      const call = { method, path: url.replace("https://hearth.test", ""), headers, body, keepalive };
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

/** Returns the reason with which a promise rejects. Throws if it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("The promise resolved, although it should have rejected.");
}
