import { quoteOf } from "./message-store.js";
import type { OutboxItem } from "./outbox-item.js";
import type { Attachment, Message, ThreadEntry, UploadProgress } from "./types.js";

/**
 * Returns whether a committed message may be the message of an outbox item. It must have the same content, and a `seq`
 * larger than `after`. If `after` is undefined, the message must not be more than 5 minutes older than the item
 * instead.
 */
export function mayBe(message: Message, item: OutboxItem, after: number | undefined): boolean {
  const later = after === undefined ? isRecentEnough(message, item) : message.seq > after;
  return later && hasSameContent(message, item);
}

/**
 * Returns the entry of an outbox item. `quoted` is the message that it replies to, if it is a reply and the message is
 * known. `upload` is the progress of its uploads; null if it has none. `refusedUntil` is the time until which the server
 * refuses messages, in milliseconds since 1970; null if it accepts them.
 */
export function outboxEntry(
  item: OutboxItem,
  quoted: Message | undefined,
  upload: UploadProgress | null,
  refusedUntil: number | null,
): ThreadEntry {
  const { key, body, files, createdAt, failed, error, triedAt } = item;
  const attachments = files.map((file, index): Attachment => {
    const { id, name = "", mimetype = "application/octet-stream", size = 0, previewUrl: url = "" } = file;
    const status = file.failed === true ? "failed" : "pending";
    // A file has no ID until it is uploaded. The index makes the ID of its attachment unique.
    return { id: id ?? `${key}/${index}`, name, url, mimetype, size, status };
  });
  return {
    key,
    state: failed ? "failed" : "sending",
    body,
    attachments,
    createdAt,
    message: null,
    error,
    nextTryAt: failed ? null : refusedUntil,
    upload: failed ? null : upload,
    maybeSent: triedAt !== null && (!failed || error?.code === "maybe_sent"),
    replyTo: quoted === undefined ? null : quoteOf(quoted),
    changes: [],
  };
}

/**
 * Returns whether the message was created after the item, or at most 5 minutes before it: the message has the time of
 * the server's clock, the item that of the device's clock, and the two may differ.
 */
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
