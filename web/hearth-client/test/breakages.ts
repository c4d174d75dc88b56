/**
 * Breaks the library on purpose, one thing at a time, and runs the histories until one of them fails. What no history
 * notices, the histories do not test: then this fails. `ONLY=` selects by name.
 */
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

interface Breakage {
  name: string;
  file: string;
  /** Text of the compiled file, there exactly once, and what takes its place. */
  replace: [string, string][];
}

const BREAKAGES: Breakage[] = [
  {
    name: "messages are delivered as they come: no order, no duplicates removed",
    file: "feed.js",
    replace: [
      [
        "if (!truncated && this.#held.size < HELD)",
        "if (!truncated && this.#position !== null) { this.#position = message.seq; this.#handler.message(message); return; }\nif (!truncated && this.#held.size < HELD)",
      ],
    ],
  },
  {
    name: "duplicates are not removed",
    file: "feed.js",
    replace: [
      [
        "if (this.#position !== null && message.seq <= this.#position)\n            return;",
        "if (this.#position !== null && message.seq <= this.#position) { if (!truncated) this.#handler.message(message); return; }",
      ],
    ],
  },
  {
    name: "no catching up after a subscription",
    file: "feed.js",
    replace: [["this.#newest = Math.max(this.#newest, seq);", ""]],
  },
  {
    name: "catching up before the subscription is acknowledged, and no more after it",
    file: "feed.js",
    replace: [
      ["this.#newest = Math.max(this.#newest, seq);", ""],
      [
        "if (this.#position !== null && this.#position >= this.#newest)\n            return;\n        this.#running = true;",
        "this.#running = true;",
      ],
      ["if ((this.#position ?? 0) > after || this.#newest <= after)", "if (true)"],
      ["this.#position < this.#newest;\n", "(this.#position < this.#newest || attempt === 0);\n"],
      ["attempt = 0;\n            }\n            catch", "attempt = 1;\n            }\n            catch"],
    ],
  },
  {
    name: "gaps are not noticed",
    file: "feed.js",
    replace: [["else if (this.#cancelReorder === null)", "else if (false)"]],
  },
  {
    name: "a truncated message is taken for the whole",
    file: "feed.js",
    replace: [
      ["accept(message, truncated = false) {", "accept(message, truncated = false) {\n        truncated = false;"],
    ],
  },
  {
    name: "a failure to catch up is the end of it",
    file: "feed.js",
    replace: [["if (!mayPass(error))\n                    throw error;", "return;"]],
  },
  {
    name: "no subscription on a new connection",
    file: "live.js",
    replace: [["for (const channel of this.#channels.keys())\n            socket.subscribe(channel);", ""]],
  },
  {
    name: "no barrier of its own for who joins later",
    file: "live.js",
    replace: [
      [
        "this.#current?.subscribe(channel);",
        "if (handlers.size === 1)\n            this.#current?.subscribe(channel);",
      ],
    ],
  },
  {
    name: "an acknowledgement that was under way counts for who joined since",
    file: "socket.js",
    replace: [["subscription.since = this.#nextId;", ""]],
  },
  {
    name: "a subscription that is not acknowledged is not tried again",
    file: "socket.js",
    replace: [
      ["subscription.cancel = this.#context.env.schedule(() => {", "subscription.cancel = ((_) => () => {})(() => {"],
    ],
  },
  {
    name: "subscribe is sent while unsubscribe is under way",
    file: "socket.js",
    replace: [["if (!this.#open || this.#over || subscription.action !== null)", "if (!this.#open || this.#over)"]],
  },
  {
    name: "no pings",
    file: "socket.js",
    replace: [["if (env.now() - this.#heardAt >= timing.ping)", "if (false)"]],
  },
  {
    name: "a pong that does not come is not missed",
    file: "socket.js",
    replace: [['this.#lose("The server does not answer any more.");\n        }, this', "}, this"]],
  },
  {
    name: "connection_expired is ignored",
    file: "socket.js",
    replace: [['this.#lose(detail, "connection_expired");', ""]],
  },
  {
    name: "the next connection replaces the old one before it is subscribed",
    file: "live.js",
    replace: [["if (this.#current === null)\n                    this.#promote();", "this.#promote();"]],
  },
  {
    name: "connections are not replaced before their end",
    file: "live.js",
    replace: [
      ["this.#cancelRotation = env.schedule(() => this.#connect(), Math.min(timing.socketAge, tokenAge));", ""],
    ],
  },
  {
    name: "no try after a failed one",
    file: "live.js",
    replace: [
      [
        "this.#next = null;\n        this.#error = error;\n        this.#again(error);",
        "this.#next = null;\n        this.#error = error;",
      ],
    ],
  },
  {
    name: "a new idempotency key for each try",
    file: "outbox.js",
    replace: [["{ idempotencyKey: key }", "{ idempotencyKey: this.#context.env.uuid() }"]],
  },
  {
    name: "no idempotency key",
    file: "outbox.js",
    replace: [[", { idempotencyKey: key }", ""]],
  },
  {
    name: "a message that could not be sent is given up",
    file: "outbox.js",
    replace: [["const failed = !mayPass(error);", "const failed = true;"]],
  },
  {
    name: "a later message does not wait for an earlier one",
    file: "outbox.js",
    replace: [
      [
        "return this.items(threadId).find(({ failed }) => !failed);",
        "return this.items(threadId).reverse().find(({ failed }) => !failed);",
      ],
    ],
  },
  {
    name: "the outbox is not kept",
    file: "outbox-shelf.js",
    replace: [["this.#storage?.setItem(this.#prefix + key, text)", "undefined"]],
  },
  {
    name: "the outbox keeps no keys",
    file: "outbox-shelf.js",
    replace: [
      [
        "const key = name.slice(this.#prefix.length);",
        "const key = this.#context.env.uuid();\n        storage.removeItem(name);",
      ],
    ],
  },
  {
    name: "a 401 is not answered with a renewed token",
    file: "http.js",
    replace: [
      ["if (!(error instanceof HearthError) || error.status !== 401)\n                throw error;", "throw error;"],
    ],
  },
  {
    name: "what is on its way out and its own push are both shown",
    file: "thread-view.js",
    replace: [["if (echo !== undefined)", "if (false)"]],
  },
  {
    name: "pending files are not asked for",
    file: "files.js",
    replace: [
      ["watch.cancel = this.#context.env.schedule(() => void this.#ask(fileId, watch), wait);", ""],
      ["void this.#ask(fileId, watch);\n        }\n    }", "}\n    }"],
    ],
  },
  {
    name: "timers outlive the client",
    file: "socket.js",
    replace: [["this.#over = true;\n        this.#cancel();", "this.#over = true;"]],
  },
];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const only = process.env.ONLY;
let missed = 0;
console.log("| breakage | caught by seed |\n| --- | --- |");
for (const breakage of BREAKAGES) {
  if (only !== undefined && !breakage.name.includes(only)) continue;
  const caught = await run(breakage);
  if (caught === null) missed += 1;
  console.log(`| ${breakage.name} | ${caught ?? "**not caught**"} |`);
}
process.exitCode = missed === 0 ? 0 : 1;

/** The seed that notices, or null. */
async function run({ file, replace }: Breakage): Promise<string | null> {
  // Beside the original, so that packages are found.
  const copy = await mkdtemp(join(dirname(root), ".test-"));
  try {
    await cp(root, copy, { recursive: true });
    const path = join(copy, "src", file);
    let text = await readFile(path, "utf8");
    for (const [from, to] of replace) {
      if (text.split(from).length !== 2) throw new Error(`${file} has not exactly once: ${from}`);
      text = text.replace(from, () => to);
    }
    await writeFile(path, text);
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
