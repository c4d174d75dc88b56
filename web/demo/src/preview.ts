import type { MessagePreview } from "hearth-client";

/** Returns a message as one line of text, for the list of conversations. */
export function preview(message: MessagePreview | null): string {
  if (!message) return "No messages yet";
  if (message.body) return message.truncated ? `${message.body} …` : message.body;
  const [first, ...more] = message.attachments;
  if (more.length > 0) return `${more.length + 1} files`;
  return first?.mimetype.startsWith("image/") ? "Photo" : (first?.name ?? "");
}
