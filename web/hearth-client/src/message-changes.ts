import type { Message, MessageChange, Reaction } from "./types.js";

/** A change of the message `seq` by the caller, which stays in the outbox until the server has stored it. */
export type Change = Pick<MessageChange, "kind" | "body" | "emoji"> & { readonly seq: number };

/** Returns whether the change `earlier` need not be sent if `later` is: it would overwrite `earlier`. */
export function replaces(later: Change, earlier: Change): boolean {
  return later.seq === earlier.seq && (later.kind === earlier.kind || later.kind === "remove");
}

/**
 * Returns the message as it will be after a change by the user `userId` at the time `now`. Returns the same object if
 * the change has no effect, for example because the server has made it already.
 */
export function withChange(message: Message, change: Change, userId: string | undefined, now: string): Message {
  if (message.deletedAt !== undefined) return message;
  const { kind, body, emoji } = change;
  if (kind === "remove") {
    const { editedAt: _, replyTo: __, ...others } = message;
    return { ...others, body: "", attachments: [], reactions: [], deletedAt: now };
  }
  if (kind === "edit") return body === null || body === message.body ? message : { ...message, body, editedAt: now };
  return userId === undefined ? message : { ...message, reactions: reacted(message.reactions, userId, emoji) };
}

/** Returns the reactions after a user has reacted with `emoji`, or removed their reaction if `emoji` is null. */
function reacted(reactions: readonly Reaction[], userId: string, emoji: string | null): Reaction[] {
  const others = reactions.map((reaction) => ({
    ...reaction,
    userIds: reaction.userIds.filter((id) => id !== userId),
  }));
  const same = others.find((reaction) => reaction.emoji === emoji);
  if (same !== undefined) same.userIds = [...same.userIds, userId].sort();
  else if (emoji !== null) others.push({ emoji, userIds: [userId] });
  const compare = (a: Reaction, b: Reaction) => (a.emoji < b.emoji ? -1 : 1);
  return others.filter(({ userIds }) => userIds.length > 0).sort(compare);
}
