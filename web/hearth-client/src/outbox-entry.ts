import { quoteOf } from "./message-store.js";
import type { OutboxItem } from "./outbox.js";
import type { Attachment, Message, ThreadEntry } from "./types.js";

/**
 * Returns whether a committed message may be the outbox item. `after` is a `seq` that the message must exceed;
 * undefined if none is known.
 */
export function mayBe(message: Message, item: OutboxItem, after: number | undefined): boolean {
  const later = after === undefined ? isRecentEnough(message, item) : message.seq > after;
  return later && hasSameContent(message, item);
}

/**
 * Returns the entry of an outbox item. `quoted` is the message that it replies to, if it is a reply and the message is
 * known. `refusedUntil` is the time until which the server refuses messages, in milliseconds since 1970; null if it
 * accepts them.
 */
export function outboxEntry(item: OutboxItem, quoted: Message | undefined, refusedUntil: number | null): ThreadEntry {
  const { key, body, files, createdAt, failed, error } = item;
  const attachments = files.map(({ id, name, mimetype, size, previewUrl }): Attachment => {
    const url = previewUrl ?? "";
    return {
      id,
      name: name ?? "",
      url,
      mimetype: mimetype ?? "application/octet-stream",
      size: size ?? 0,
      status: "pending",
    };
  });
  const state = failed ? "failed" : "sending";
  const nextTryAt = failed ? null : refusedUntil;
  const replyTo = quoted === undefined ? null : quoteOf(quoted);
  return { key, state, body, attachments, createdAt, message: null, error, nextTryAt, replyTo, changes: [] };
}

/** Whether the message may have been committed after the item was added. Allows for 5 minutes of clock skew. */
function isRecentEnough(message: Message, item: OutboxItem): boolean {
  return Date.parse(message.createdAt) > Date.parse(item.createdAt) - 5 * 60_000;
}

function hasSameContent(message: Message, item: OutboxItem): boolean {
  return (
    message.body === item.body &&
    (message.replyTo?.seq ?? null) === item.replyTo &&
    message.attachments.length === new Set(item.files.map(({ id }) => id)).size &&
    message.attachments.every(({ id }) => item.files.some((file) => file.id === id))
  );
}
