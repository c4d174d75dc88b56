/**
 * Checks that the histories notice mutations (deliberate bugs) of the library: for each mutation, runs the histories
 * until one fails. Exits with 1 if a mutation is not noticed. `ONLY=` selects mutations whose names contain a text.
 */
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CHANGE_MUTATIONS, type Mutation } from "./support/change-mutations.js";

const MUTATIONS: Mutation[] = [
  {
    name: "messages are delivered as they arrive, out of order and with duplicates",
    replace: [
      [
        "thread-follower.js",
        "if (!truncated && this.#buffer.size < MAX_BUFFERED)",
        "if (!truncated && this.#position !== null) { this.#position = message.seq; this.#handler.message(message); return; }\nif (!truncated && this.#buffer.size < MAX_BUFFERED)",
      ],
    ],
  },
  {
    name: "duplicates are delivered",
    replace: [
      [
        "thread-follower.js",
        "if (this.#position !== null && message.seq <= this.#position)\n            return;",
        "if (this.#position !== null && message.seq <= this.#position) { if (!truncated) this.#handler.message(message); return; }",
      ],
    ],
  },
  {
    name: "missed messages are not fetched after a subscription",
    replace: [["thread-follower.js", "this.#newest = Math.max(this.#newest, seq);", ""]],
  },
  {
    name: "missed messages are fetched before the subscription is acknowledged, and not after it",
    replace: [
      ["thread-follower.js", "this.#newest = Math.max(this.#newest, seq);", ""],
      [
        "live-connection.js",
        "next.opened = true;",
        "next.opened = true;\nfor (const handlers of this.#channels.values()) for (const { pushUnavailable } of [...handlers]) pushUnavailable();",
      ],
    ],
  },
  {
    name: "gaps in pushed messages are ignored",
    replace: [["thread-follower.js", "else\n            this.#catchUp.startSoon();", ""]],
  },
  {
    name: "a truncated message is delivered instead of the whole one",
    replace: [
      [
        "thread-follower.js",
        "accept(message, truncated = false) {",
        "accept(message, truncated = false) {\n        truncated = false;",
      ],
    ],
  },
  {
    name: "a failed fetch of missed messages is not retried",
    replace: [["catch-up.js", "if (!isTemporary(error))\n                    throw error;", "throw error;"]],
  },
  {
    name: "a new connection is not subscribed to the channels",
    replace: [
      [
        "live-connection.js",
        "for (const channel of this.#channels.keys())\n            socket.subscribe(channel);",
        "",
      ],
    ],
  },
  {
    name: "a second follower of a channel does not subscribe again",
    replace: [
      [
        "live-connection.js",
        "this.#current?.subscribe(channel);",
        "if (handlers.size === 1)\n            this.#current?.subscribe(channel);",
      ],
    ],
  },
  {
    name: "a second follower accepts an acknowledgement that was sent before it subscribed",
    replace: [["socket.js", "subscription.minId = this.#nextId;", ""]],
  },
  {
    name: "a subscription that is not acknowledged is not repeated",
    replace: [
      [
        "socket.js",
        "subscription.cancel = this.#context.env.schedule(() => {",
        "subscription.cancel = ((_) => () => {})(() => {",
      ],
    ],
  },
  {
    name: "a subscribe is sent before the unsubscribe is answered",
    replace: [
      [
        "socket.js",
        "if (!this.#open || this.#closed || subscription.action !== null)",
        "if (!this.#open || this.#closed)",
      ],
    ],
  },
  {
    name: "a thread that is closed before its subscription is acknowledged stays subscribed",
    replace: [["socket.js", "if (wanted ? acknowledged : !mayExist) {", "if (wanted === acknowledged) {"]],
  },
  {
    name: "a client subscribes to all channels at once",
    replace: [["subscribe-limit.js", "if (this.#holders.size < MAX_UNANSWERED) {", "if (true) {"]],
  },
  {
    name: "each socket of a client may have five unanswered subscribes",
    replace: [
      [
        "live-connection.js",
        "new Socket(this.#context, url, this.#subscribeLimit, handlers)",
        "new Socket(this.#context, url, new SubscribeLimit(), handlers)",
      ],
    ],
  },
  {
    name: "a waiting subscribe is not sent when an earlier one is answered",
    replace: [["subscribe-limit.js", "newest[1]();", ""]],
  },
  {
    name: "a closed socket keeps its unanswered subscribes",
    replace: [
      [
        "socket.js",
        "for (const subscription of this.#subscriptions.values())\n            this.#endAction(subscription);",
        "for (const subscription of this.#subscriptions.values())\n            subscription.cancel();",
      ],
    ],
  },
  {
    name: "no pings are sent",
    replace: [["socket.js", "if (env.now() - this.#lastFrameAt >= timing.ping)", "if (false)"]],
  },
  {
    name: "a missing pong is ignored",
    replace: [
      ["socket.js", 'this.#fail("The server no longer answers on this connection.");\n        }, this', "}, this"],
    ],
  },
  {
    name: "a connection_expired error is ignored",
    replace: [["socket.js", 'code === "connection_expired" || code === "too_many', 'code === "too_many']],
  },
  {
    name: "a new socket replaces the old one before it is subscribed",
    replace: [
      ["live-connection.js", "if (this.#current === null)\n                    this.#promote();", "this.#promote();"],
    ],
  },
  {
    name: "sockets are not replaced before their expected end",
    replace: [
      [
        "live-connection.js",
        "this.#cancelReplacement = env.schedule(() => this.#connect(), Math.min(timing.socketAge, lifetime));",
        "",
      ],
    ],
  },
  {
    name: "a failed connection attempt is not retried",
    replace: [
      [
        "live-connection.js",
        "this.#next = null;\n        this.#error = error;\n        this.#scheduleRetry(error);",
        "this.#next = null;\n        this.#error = error;",
      ],
    ],
  },
  {
    name: "each attempt has a new idempotency key",
    replace: [["outbox-request.js", "idempotencyKey: key,", "idempotencyKey: crypto.randomUUID(),"]],
  },
  {
    name: "messages are sent without an idempotency key",
    replace: [["outbox-request.js", "idempotencyKey: key, ", ""]],
  },
  {
    name: "a message is not sent again after a temporary error",
    replace: [["outbox.js", "const failed = !isTemporary(error);", "const failed = true;"]],
  },
  {
    name: "messages are sent although the server has told to wait",
    replace: [["outbox.js", "if (refusedUntil !== null) {", "if (false) {"]],
  },
  {
    name: "only the thread whose message was refused waits",
    replace: [["outbox.js", "this.#refuseFor(wait);", "await pause.wait(this.#context.env, wait);"]],
  },
  {
    name: "the newest message in the outbox is sent first",
    replace: [
      [
        "outbox.js",
        "return this.items(threadId).find((item) =>",
        "return this.items(threadId).reverse().find((item) =>",
      ],
    ],
  },
  {
    name: "a message is sent before its files are uploaded",
    replace: [["outbox.js", "!item.failed && isComplete(item)", "!item.failed"]],
  },
  {
    name: "a message is not sent when its files are uploaded",
    replace: [["outbox.js", "this.#put(changed);\n        this.#run(item.threadId);", "this.#put(changed);"]],
  },
  {
    name: "a message whose upload a reload has ended waits forever",
    replace: [["outbox.js", "if (!isComplete(item))", "if (false)"]],
  },
  {
    name: "an upload is not repeated when the network is back",
    replace: [["context.js", 'failure.kind !== "network" && failure.kind !== "token"', "true"]],
  },
  {
    name: "the outbox is not stored",
    replace: [["outbox-persistence.js", "this.#storage?.setItem(this.#prefix + key, text)", "undefined"]],
  },
  {
    name: "stored messages get a new idempotency key after a reload",
    replace: [
      [
        "outbox-persistence.js",
        "const key = name.slice(this.#prefix.length);",
        "const key = this.#context.env.uuid();\n        storage.removeItem(name);",
      ],
    ],
  },
  {
    name: "the token is not renewed after a 401",
    replace: [
      [
        "http.js",
        "if (error.status !== 401 && !hidden)\n                throw error;",
        "if (!hidden)\n                throw error;",
      ],
    ],
  },
  {
    name: "there is no timeout for the token provider",
    replace: [
      ["http.js", "await Promise.race([this.#provider({ renew }), timeout])", "await this.#provider({ renew })"],
    ],
  },
  {
    name: "a message in the outbox and its push are both shown",
    replace: [["thread-entries.js", "if (match !== undefined)", "if (false)"]],
  },
  {
    name: "the status of pending files is not requested",
    replace: [
      [
        "pending-files.js",
        "watch.cancel = this.#context.env.schedule(() => void this.#check(fileId, watch), wait);",
        "",
      ],
      ["pending-files.js", "void this.#check(fileId, watch);\n        }\n    }", "}\n    }"],
    ],
  },
  {
    name: "the list of threads is loaded before the inbox is subscribed, and not after it",
    replace: [
      ["inbox.js", "subscribed: (_, replacing) => this.#load(!replacing),", "subscribed: () => { },"],
      [
        "live-connection.js",
        "next.opened = true;",
        'next.opened = true;\nfor (const { pushUnavailable } of [...(this.#channels.get("inbox") ?? [])]) pushUnavailable();',
      ],
    ],
  },
  {
    name: "only the first page of the list of threads is loaded",
    replace: [["thread-loader.js", "cursor = nextCursor;", "cursor = null;"]],
  },
  {
    name: "a failed load of the list of threads is not retried",
    replace: [["thread-loader.js", "of.wanted = this.#active;", "of.wanted = signal.aborted && this.#active;"]],
  },
  {
    name: "a thread that is missing in the list of threads stays in the list",
    replace: [["thread-loader.js", 'this.#stale.set(id, "changed");', "{ }"]],
  },
  {
    name: "an older state of a thread replaces a newer one",
    replace: [
      ["thread-model.js", "if (lastSeq >= held.lastSeq)", "if (true)"],
      ["thread-model.js", "!isNewer(held.lastMessage, lastMessage)", "true"],
    ],
  },
  {
    name: "the caller's own read mark moves back",
    replace: [["thread-model.js", "held.readSeq = Math.max(held.readSeq, seq);", "held.readSeq = seq;"]],
  },
  {
    name: "a message does not update the list of threads",
    replace: [["inbox.js", "return this.messages([message]);", "return;"]],
  },
  {
    name: "the list of threads ignores the marks in thread:updated",
    replace: [["inbox.js", "for (const { userId, seq } of sent)", "for (const { userId, seq } of [])"]],
  },
  {
    name: "an unknown thread is shown without being fetched",
    replace: [
      [
        "inbox.js",
        "this.model.update(thread);\n            this.#fetchUnknown(thread.id);",
        'this.model.setOverview({ title: thread.id, memberIds: [], memberNames: [], createdAt: "", ...thread });',
      ],
    ],
  },
  {
    name: "an unknown thread is not fetched",
    replace: [["inbox.js", 'this.loader.fetch(threadId, "unknown");', "{ }"]],
  },
  {
    name: "new threads are ignored",
    replace: [["inbox.js", 'push.event === "thread:new"', "false"]],
  },
  {
    name: "settings are taken from events in the order of arrival",
    replace: [
      [
        "inbox.js",
        "#settingsSeen(threadId, { archived, mutedUntil }) {",
        "#settingsSeen(threadId, { archived, mutedUntil }) {\n        return this.model.setSettings(threadId, { archived, mutedUntil });",
      ],
    ],
  },
  {
    name: "settings that arrive during a request are not fetched again",
    replace: [["inbox.js", "if (!same || this.loader.loading || this.#changes.pending(threadId))", "if (!same)"]],
  },
  {
    name: "settings that a view has fetched replace newer ones",
    replace: [["inbox.js", "setDetails(thread, !this.active)", "setDetails(thread, true)"]],
  },
  {
    name: "the caller's own read marks of other devices are ignored",
    replace: [["inbox.js", "this.model.read(threadId, seq);\n        }\n    }", "{ }\n        }\n    }"]],
  },
  {
    name: "a read mark that is not stored is not retried",
    replace: [["read-marks.js", "if (!isTemporary(error))", "if (true)"]],
  },
  {
    name: "a thread's read marks are not fetched after a subscription",
    replace: [
      ["thread-view.js", "eventsMissed: (rev) => {\n                this.#loadThread();", "eventsMissed: (rev) => {"],
    ],
  },
  {
    name: "an author's message does not move their read mark",
    replace: [["thread-view.js", "this.#receipts.wrote(author.id, seq)", "{ }"]],
  },
  {
    name: "a closed socket leaves its timer behind",
    replace: [["socket.js", "this.#closed = true;\n        this.#cancel();", "this.#closed = true;"]],
  },
];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const only = process.env.ONLY;
let missed = 0;
console.log("| mutation | caught by seed |\n| --- | --- |");
for (const mutation of [...MUTATIONS, ...CHANGE_MUTATIONS]) {
  if (only !== undefined && !mutation.name.includes(only)) continue;
  const caught = await run(mutation);
  if (caught === null) missed += 1;
  console.log(`| ${mutation.name} | ${caught ?? "**not caught**"} |`);
}
process.exitCode = missed === 0 ? 0 : 1;

/** Returns the first seed whose history fails with the mutation, or null if none does. */
async function run({ replace }: Mutation): Promise<string | null> {
  // Copy the compiled files next to the originals, so that imports of packages resolve.
  const copy = await mkdtemp(join(dirname(root), ".test-"));
  try {
    await cp(root, copy, { recursive: true });
    for (const [file, from, to] of replace) {
      const path = join(copy, "src", file);
      const text = await readFile(path, "utf8");
      if (text.split(from).length !== 2)
        throw new Error(`Update the mutation: ${file} must contain this text exactly once: ${from}`);
      await writeFile(
        path,
        text.replace(from, () => to),
      );
    }
    return await new Promise((resolve) => {
      const script = join(copy, "test", "histories.js");
      execFile(process.execPath, [script], { timeout: 300_000 }, (error, _, stderr) => {
        if (error === null) resolve(null);
        else resolve(/seed (\d+) failed/.exec(stderr)?.[1] ?? `no seed: it hangs or crashes (${stderr.slice(0, 80)})`);
      });
    });
  } finally {
    await rm(copy, { recursive: true });
  }
}
