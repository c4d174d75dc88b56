import type { HearthError } from "./errors.js";
import type { Change } from "./message-changes.js";
import type { Message, OutgoingFile } from "./types.js";

/** A file of a message in the outbox. */
export interface OutboxFile extends Omit<OutgoingFile, "id"> {
  /** Null until the file's bytes are uploaded. */
  readonly id: string | null;
  /** Whether the upload has failed permanently. */
  readonly failed?: boolean;
}

/**
 * A message to send, or a change of a committed message, that the server is not known to have stored: it waits to be
 * sent, is being sent, or has failed. Immutable: an update replaces the item.
 */
export interface OutboxItem {
  /** Identifies the item. If the item is a message, this is also its idempotency key. */
  readonly key: string;
  readonly threadId: string;
  /** The change of a committed message; null if the item is a message to send. */
  readonly change: Change | null;
  readonly body: string;
  /** The message is not sent before all its files are uploaded. */
  readonly files: readonly OutboxFile[];
  /** `seq` of the message that a message to send replies to; null if it is not a reply. */
  readonly replyTo: number | null;
  readonly createdAt: string;
  /** The position in the outbox: items with smaller values are sent first. */
  readonly order: number;
  /**
   * When the item was first sent, in milliseconds since 1970; null before that. An item that was sent may have been
   * committed, even if no response arrived.
   */
  readonly triedAt: number | null;
  readonly failed: boolean;
  readonly error: HearthError | null;
}

export interface OutboxListener {
  /** Called when an outbox item of the thread was added, changed or removed. */
  changed(): void;
  /** Called when the outbox item with this key was committed as `message`. */
  sent(key: string, message: Message): void;
}

/** Whether all files of an item are uploaded. */
export function isComplete({ files }: OutboxItem): boolean {
  return files.every(({ id }) => id !== null);
}
