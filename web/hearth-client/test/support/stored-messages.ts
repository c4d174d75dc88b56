import type { Message, MessagePreview, Quote, Reaction } from "../../src/index.js";
import { problem, type Reply } from "./replies.js";

export interface StoredMessage {
  /** The message without attachments, reactions and quote, which the backend adds when the message is read. */
  message: Message;
  /** The text with which the message was sent. */
  sentBody: string;
  fileIds: string[];
  /** The emoji of each user who reacts, by user ID. */
  reactions: Map<string, string>;
  /** `seq` of the message that this one replies to, or null. */
  replyTo: number | null;
}

/** A request that changes a message. */
export interface ChangeRequest {
  user: string;
  seq: number;
  method: string;
  reaction: boolean;
  body: { body?: string; emoji?: string };
  now: number;
}

export type ChangeKind = "edit" | "remove" | "react";

const MAX_PREVIEW = 200;
const MAX_QUOTE = 100;

/**
 * Changes a message as the real server does. Returns the kind of the change, or null as the kind if the message is
 * already as requested. Returns an error response if the change is refused. `editWindow` is the time after the creation
 * of a message during which its text can be changed, in milliseconds.
 */
export function applyChange(
  stored: StoredMessage | undefined,
  { user, method, reaction, body, now }: ChangeRequest,
  editWindow: number,
): { kind: ChangeKind | null } | Reply {
  if (stored === undefined) return problem(404, "message_not_found");
  const { message, reactions } = stored;
  const deleted = message.deletedAt !== undefined;
  const time = new Date(now).toISOString();
  if (reaction) {
    const emoji = method === "PUT" ? (body.emoji ?? "") : undefined;
    if (emoji === "") return problem(422, "invalid_request");
    if (reactions.get(user) === emoji) return { kind: null };
    if (deleted) return problem(409, "message_deleted");
    if (emoji === undefined) reactions.delete(user);
    else reactions.set(user, emoji);
    return { kind: "react" };
  }
  if (message.author.id !== user) return problem(403, "not_author");
  if (method === "DELETE") {
    if (deleted) return { kind: null };
    delete message.editedAt;
    Object.assign(message, { body: "", deletedAt: time });
    Object.assign(stored, { fileIds: [], reactions: new Map(), replyTo: null });
    return { kind: "remove" };
  }
  if (deleted) return problem(409, "message_deleted");
  if (message.body === body.body) return { kind: null };
  if (now - Date.parse(message.createdAt) > editWindow) return problem(403, "edit_window_over");
  if (!body.body?.trim() && stored.fileIds.length === 0) return problem(422, "invalid_request");
  Object.assign(message, { body: body.body, editedAt: time });
  return { kind: "edit" };
}

export function reactionsOf({ reactions }: StoredMessage): Reaction[] {
  const emojis = [...new Set(reactions.values())].sort();
  return emojis.map((emoji) => {
    const users = [...reactions].filter(([, theirs]) => theirs === emoji).map(([user]) => user);
    return { emoji, userIds: users.sort() };
  });
}

export function quoteOf({ message: { seq, author, body, deletedAt } }: StoredMessage): Quote {
  return { seq, author, excerpt: body.slice(0, MAX_QUOTE), deleted: deletedAt !== undefined };
}

export function previewOf(message: Message): MessagePreview {
  const { id, threadId, seq, rev, body, author, attachments, createdAt, deletedAt } = message;
  const start = body.slice(0, MAX_PREVIEW);
  return {
    id,
    threadId,
    seq,
    rev,
    body: start,
    ...(start === body ? {} : { truncated: true }),
    author,
    attachments: attachments.map(({ id, name, mimetype }) => ({ id, name, mimetype })),
    createdAt,
    ...(deletedAt === undefined ? {} : { deletedAt }),
  };
}
