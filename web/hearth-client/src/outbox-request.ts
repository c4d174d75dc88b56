import type { HearthApi } from "./api.js";
import type { OutboxItem } from "./outbox-item.js";
import type { Message } from "./types.js";

/** Sends the message or the change of an outbox item. Returns the stored message from the server's response. */
export async function sendItem(api: HearthApi, item: OutboxItem, signal: AbortSignal): Promise<Message> {
  const { key, threadId, change, body, files, replyTo } = item;
  if (change?.kind === "remove") return await api.deleteMessage(threadId, change.seq, { signal });
  if (change?.kind === "edit") return await api.editMessage(threadId, change.seq, change.body ?? "", { signal });
  if (change?.kind === "react") return await api.react(threadId, change.seq, change.emoji, { signal });
  const fileIds = files.flatMap(({ id }) => id ?? []);
  const content = {
    body,
    ...(fileIds.length === 0 ? {} : { fileIds }),
    ...(replyTo === null ? {} : { replyTo }),
  };
  return (await api.send(threadId, content, { idempotencyKey: key, signal })).message;
}
