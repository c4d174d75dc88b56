/** A deliberate bug. */
export interface Mutation {
  name: string;
  /** Each element has the name of a compiled file, a text that occurs in the file exactly once, and its replacement. */
  replace: [string, string, string][];
}

/** Mutations of the code that handles changes of messages. */
export const CHANGE_MUTATIONS: Mutation[] = [
  {
    name: "a change is applied to the held copy, instead of replacing it",
    replace: [
      [
        "message-store.js",
        "other.rev > held.rev ? [other, held]",
        "other.rev > held.rev ? [{ ...held, ...other }, held]",
      ],
    ],
  },
  {
    name: "the copy that arrives last wins",
    replace: [["message-store.js", "other.rev > held.rev ? [other, held] : [held, other]", "[other, held]"]],
  },
  {
    name: "a change to a message that is not held yet is dropped",
    replace: [["message-store.js", "this.#others.set(message.seq, message);", "{ }"]],
  },
  {
    name: "a change to a message that is about to enter the list is dropped",
    replace: [
      [
        "message-store.js",
        "this.#others.set(message.seq, message);",
        "{\n                if (message.seq < this.#first)\n                    this.#others.set(message.seq, message);\n            }",
      ],
    ],
  },
  {
    name: "a change to a message on a page that is being loaded is dropped",
    replace: [
      [
        "message-store.js",
        "this.#others.set(message.seq, message);",
        "{\n                if (message.seq > this.last)\n                    this.#others.set(message.seq, message);\n            }",
      ],
    ],
  },
  {
    name: "quotes of a changed message are not updated",
    replace: [["message-store.js", "this.#set(this.#quoting(copy));", "{ }"]],
  },
  {
    name: "a message enters with the quote that it has, although the quoted message was changed",
    replace: [
      [
        "message-store.js",
        "const entered = this.#quoting(this.#merged(message));",
        "const entered = this.#merged(message);",
      ],
      ["message-store.js", "this.#list[index] = this.#quoting(message);", "{ }"],
    ],
  },
  {
    name: "a truncated copy of a changed message is kept",
    replace: [["inbox.js", "if (push.data.truncated !== true)", "if (true)"]],
  },
  {
    name: "a truncated change is not fetched",
    replace: [
      ["change-follower.js", "if (!truncated && this.#ahead.size", "if (this.#ahead.size"],
      ["change-follower.js", "if (truncated)\n            this.#catchUp.start();\n        else", ""],
    ],
  },
  {
    name: "changes that were made while the client was not connected are not fetched",
    replace: [
      [
        "change-follower.js",
        "this.#newest = Math.max(this.#newest, rev);\n            // In",
        "if (this.#rev !== null)\n                this.#rev = Math.max(this.#rev, rev);\n            // In",
      ],
    ],
  },
  {
    name: "gaps in pushed changes are ignored",
    replace: [
      [
        "change-follower.js",
        "this.#advance(this.#rev);",
        "if (this.#rev !== null && !truncated)\n            this.#rev = rev;",
      ],
    ],
  },
  {
    name: "only the first page of changes is fetched",
    replace: [
      [
        "change-follower.js",
        "this.#advance(Math.max(page.rev, this.#rev ?? 0));",
        "this.#advance(Math.max(this.#newest, page.rev));",
      ],
    ],
  },
  {
    name: "the last gap-free revision is taken from messages",
    replace: [
      [
        "change-follower.js",
        "    get starts() {",
        "    seen(rev) {\n        if (this.#rev !== null && rev > this.#rev)\n            this.#advance(rev);\n    }\n    get starts() {",
      ],
      [
        "thread-view.js",
        "this.#loadedMessages(this.#messages.prepend(messages.reverse()));",
        "for (const { rev } of messages)\n            this.#changes.seen(rev);\n        this.#loadedMessages(this.#messages.prepend(messages.reverse()));",
      ],
      [
        "thread-view.js",
        "this.#loadedMessages([this.#messages.append(message)]);",
        "this.#changes.seen(message.rev);\n        this.#loadedMessages([this.#messages.append(message)]);",
      ],
    ],
  },
  {
    name: "a reset is ignored",
    replace: [["change-follower.js", "this.#start(page.rev);", "this.#advance(page.rev);"]],
  },
  {
    name: "messages that were loaded before the subscription are not read again",
    replace: [["change-follower.js", "this.#start(rev);\n            else", "this.#advance(rev);\n            else"]],
  },
  {
    name: "a page that was requested before a reset is kept",
    replace: [["thread-view.js", "if (this.#changes.starts !== starts)", "if (false)"]],
  },
  {
    name: "a change that waits is applied to the held copy",
    replace: [
      [
        "thread-entries.js",
        "message = withChange(message, change, userId, createdAt);",
        "message = Object.assign(stored, withChange(message, change, userId, createdAt));",
      ],
    ],
  },
  {
    name: "a change that was refused is still shown",
    replace: [["thread-entries.js", "if (change !== null && !failed)", "if (change !== null)"]],
  },
  {
    name: "a change is not sent again after a temporary error",
    replace: [
      [
        "outbox.js",
        "const failed = !isTemporary(error);",
        "const failed = item.change !== null || !isTemporary(error);",
      ],
    ],
  },
  {
    name: "changes are not stored",
    replace: [
      [
        "outbox-persistence.js",
        "this.#storage?.setItem(this.#prefix + key, text);",
        "if (change === null)\n                this.#storage?.setItem(this.#prefix + key, text);",
      ],
    ],
  },
  {
    name: "an older revision of a preview replaces a newer one",
    replace: [["thread-model.js", "(held.rev ?? 0) > (other.rev ?? 0)", "false"]],
  },
  {
    name: "the preview of a thread that was archived is not fetched",
    replace: [["thread-loader.js", 'reason === "changed" && thread.lastSeq > 0', "false"]],
  },
  {
    name: "the list ignores changes of a thread's last message",
    replace: [
      ["thread-model.js", "!isNewer(held.lastMessage, lastMessage)", "lastMessage.seq > (held.lastMessage?.seq ?? 0)"],
    ],
  },
];
