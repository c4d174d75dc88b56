/**
 * Breaks the library on purpose, one thing at a time, and runs the histories until one of them fails. What no history
 * notices, the histories do not test: then this fails. `ONLY=` selects by name.
 */
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

interface Mutation {
  name: string;
  /** A compiled file, a text that is there exactly once, and what takes its place. */
  replace: [string, string, string][];
}

const MUTATIONS: Mutation[] = [
  {
    name: "messages are delivered as they come: no order, no duplicates removed",
    replace: [
      [
        "feed.js",
        "if (!truncated && this.#held.size < HELD)",
        "if (!truncated && this.#position !== null) { this.#position = message.seq; this.#handler.message(message); return; }\nif (!truncated && this.#held.size < HELD)",
      ],
    ],
  },
  {
    name: "duplicates are not removed",
    replace: [
      [
        "feed.js",
        "if (this.#position !== null && message.seq <= this.#position)\n            return;",
        "if (this.#position !== null && message.seq <= this.#position) { if (!truncated) this.#handler.message(message); return; }",
      ],
    ],
  },
  {
    name: "no catching up after a subscription",
    replace: [["feed.js", "this.#newest = Math.max(this.#newest, seq);", ""]],
  },
  {
    name: "catching up before the subscription is acknowledged, and no more after it",
    replace: [
      ["feed.js", "this.#newest = Math.max(this.#newest, seq);", ""],
      [
        "live.js",
        "next.opened = true;",
        "next.opened = true;\nfor (const handlers of this.#channels.values()) for (const { unheard } of [...handlers]) unheard();",
      ],
    ],
  },
  {
    name: "gaps are not noticed",
    replace: [["feed.js", "else if (this.#cancelReorder === null)", "else if (false)"]],
  },
  {
    name: "a truncated message is taken for the whole",
    replace: [
      [
        "feed.js",
        "accept(message, truncated = false) {",
        "accept(message, truncated = false) {\n        truncated = false;",
      ],
    ],
  },
  {
    name: "a failure to catch up is the end of it",
    replace: [["feed.js", "if (!mayPass(error))\n                    throw error;", "throw error;"]],
  },
  {
    name: "no subscription on a new connection",
    replace: [["live.js", "for (const channel of this.#channels.keys())\n            socket.subscribe(channel);", ""]],
  },
  {
    name: "no barrier of its own for who joins later",
    replace: [
      [
        "live.js",
        "this.#current?.subscribe(channel);",
        "if (handlers.size === 1)\n            this.#current?.subscribe(channel);",
      ],
    ],
  },
  {
    name: "an acknowledgement that was under way counts for who joined since",
    replace: [["socket.js", "subscription.since = this.#nextId;", ""]],
  },
  {
    name: "a subscription that is not acknowledged is not tried again",
    replace: [
      [
        "socket.js",
        "subscription.cancel = this.#context.env.schedule(() => {",
        "subscription.cancel = ((_) => () => {})(() => {",
      ],
    ],
  },
  {
    name: "subscribe is sent while unsubscribe is under way",
    replace: [
      ["socket.js", "if (!this.#open || this.#over || subscription.action !== null)", "if (!this.#open || this.#over)"],
    ],
  },
  {
    name: "a thread that is left before it is acknowledged stays subscribed to",
    replace: [["socket.js", "else if (subscription.held) {", "else if (subscription.acknowledged) {"]],
  },
  {
    name: "no pings",
    replace: [["socket.js", "if (env.now() - this.#heardAt >= timing.ping)", "if (false)"]],
  },
  {
    name: "a pong that does not come is not missed",
    replace: [["socket.js", 'this.#lose("The server does not answer any more.");\n        }, this', "}, this"]],
  },
  {
    name: "connection_expired is ignored",
    replace: [["socket.js", 'this.#lose(detail, "connection_expired");', "this.#scheduleProbe();"]],
  },
  {
    name: "the next connection replaces the old one before it is subscribed",
    replace: [["live.js", "if (this.#current === null)\n                    this.#promote();", "this.#promote();"]],
  },
  {
    name: "connections are not replaced before their end",
    replace: [
      ["live.js", "this.#cancelRotation = env.schedule(() => this.#connect(), Math.min(timing.socketAge, left));", ""],
    ],
  },
  {
    name: "no try after a failed one",
    replace: [
      [
        "live.js",
        "this.#next = null;\n        this.#error = error;\n        this.#again(error);",
        "this.#next = null;\n        this.#error = error;",
      ],
    ],
  },
  {
    name: "a new idempotency key for each try",
    replace: [["outbox.js", "{ idempotencyKey: key }", "{ idempotencyKey: this.#context.env.uuid() }"]],
  },
  {
    name: "no idempotency key",
    replace: [["outbox.js", ", { idempotencyKey: key }", ""]],
  },
  {
    name: "a message that could not be sent is given up",
    replace: [["outbox.js", "const failed = !mayPass(error);", "const failed = true;"]],
  },
  {
    name: "a later message does not wait for an earlier one",
    replace: [
      [
        "outbox.js",
        "return this.items(threadId).find(({ failed }) => !failed);",
        "return this.items(threadId).reverse().find(({ failed }) => !failed);",
      ],
    ],
  },
  {
    name: "the outbox is not kept",
    replace: [["outbox-shelf.js", "this.#storage?.setItem(this.#prefix + key, text)", "undefined"]],
  },
  {
    name: "the outbox keeps no keys",
    replace: [
      [
        "outbox-shelf.js",
        "const key = name.slice(this.#prefix.length);",
        "const key = this.#context.env.uuid();\n        storage.removeItem(name);",
      ],
    ],
  },
  {
    name: "a 401 is not answered with a renewed token",
    replace: [
      [
        "http.js",
        "if (!(error instanceof HearthError) || error.status !== 401)\n                throw error;",
        "throw error;",
      ],
    ],
  },
  {
    name: "a token provider that hangs is waited for",
    replace: [["http.js", "await Promise.race([this.#provider({ renew }), late])", "await this.#provider({ renew })"]],
  },
  {
    name: "what is on its way out and its own push are both shown",
    replace: [["thread-view.js", "if (echo !== undefined)", "if (false)"]],
  },
  {
    name: "pending files are not asked for",
    replace: [
      ["files.js", "watch.cancel = this.#context.env.schedule(() => void this.#ask(fileId, watch), wait);", ""],
      ["files.js", "void this.#ask(fileId, watch);\n        }\n    }", "}\n    }"],
    ],
  },
  {
    name: "timers outlive the client",
    replace: [["socket.js", "this.#over = true;\n        this.#cancel();", "this.#over = true;"]],
  },
];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const only = process.env.ONLY;
let missed = 0;
console.log("| mutation | caught by seed |\n| --- | --- |");
for (const mutation of MUTATIONS) {
  if (only !== undefined && !mutation.name.includes(only)) continue;
  const caught = await run(mutation);
  if (caught === null) missed += 1;
  console.log(`| ${mutation.name} | ${caught ?? "**not caught**"} |`);
}
process.exitCode = missed === 0 ? 0 : 1;

/** The seed that notices, or null. */
async function run({ replace }: Mutation): Promise<string | null> {
  // Beside the original: what it needs is found from there.
  const copy = await mkdtemp(join(dirname(root), ".test-"));
  try {
    await cp(root, copy, { recursive: true });
    for (const [file, from, to] of replace) {
      const path = join(copy, "src", file);
      const text = await readFile(path, "utf8");
      if (text.split(from).length !== 2) throw new Error(`${file} has not exactly once: ${from}`);
      await writeFile(
        path,
        text.replace(from, () => to),
      );
    }
    return await new Promise((resolve) => {
      const script = join(copy, "test", "histories.js");
      execFile(process.execPath, [script], { timeout: 300_000 }, (error, _, stderr) => {
        if (error === null) resolve(null);
        else resolve(/seed (\d+) failed/.exec(stderr)?.[1] ?? `none: it hangs or crashes (${stderr.slice(0, 80)})`);
      });
    });
  } finally {
    await rm(copy, { recursive: true });
  }
}
