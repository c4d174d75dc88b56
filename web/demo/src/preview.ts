import type { Message, MessagePreview } from "hearth-client";

/** Shown in place of a deleted message. */
export const DELETED = "This message was deleted";

/** The fields of a message, or of its preview, that the function `preview` reads. */
type Content = Pick<MessagePreview, "body" | "truncated" | "deletedAt"> & {
  attachments: readonly Pick<MessagePreview["attachments"][number], "name" | "mimetype">[];
};

/** Returns a message as one line of text. */
export function preview(message: Content | null): string {
  if (!message) return "No messages yet";
  const { body, truncated, deletedAt, attachments } = message;
  if (deletedAt) return DELETED;
  if (body) return truncated ? `${body} …` : body;
  const [first, ...more] = attachments;
  if (more.length > 0) return `${more.length + 1} files`;
  return first?.mimetype.startsWith("image/") ? "Photo" : (first?.name ?? "");
}

/** The name of a message for screen readers contains at most this many characters of the message's text. */
const NAME_CHARS = 100;

/** Returns the name of a message for screen readers: its author and the beginning of its text. */
export function nameOf(message: Message, mine: boolean): string {
  const text = preview(message);
  const start = [...text.slice(0, 2 * NAME_CHARS)].slice(0, NAME_CHARS).join("");
  const shown = start.length < text.length ? `${start} …` : text;
  return `${mine ? "your message" : `message from ${message.author.name}`}: ${shown}`;
}
