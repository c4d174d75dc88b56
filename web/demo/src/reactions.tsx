import type { Reaction, ThreadEntry } from "hearth-client";
import { type Members, names } from "./context";
import type { User } from "./session";

interface Props {
  entry: ThreadEntry;
  reactions: readonly Reaction[];
  members: Members | null;
  user: User;
  /** Sets the user's reaction, or removes it if the emoji is null. */
  onReact(emoji: string | null): void;
}

/**
 * Shows the reactions to a message. A click on an emoji adds the user's own reaction with this emoji, or removes it.
 */
export function Reactions({ entry, reactions, members, user, onReact }: Props) {
  const sending = entry.changes.find(({ kind, state }) => kind === "react" && state === "sending");
  return (
    // biome-ignore lint/a11y/noRedundantRoles: Safari does not announce a list without markers as a list
    <ul role="list" class="reactions" aria-label="Reactions">
      {reactions.map(({ emoji, userIds }) => {
        const own = userIds.includes(user.id);
        return (
          <li key={emoji}>
            <button
              type="button"
              aria-pressed={own}
              data-sending={sending?.emoji === emoji}
              title={reactedBy(userIds, members, user)}
              onClick={() => onReact(own ? null : emoji)}
            >
              {emoji} <span class="count">{userIds.length}</span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

/** Returns the names of the people who reacted. */
export function reactedBy(userIds: readonly string[], members: Members | null, user: User): string {
  const nameOf = (id: string) => members?.memberNames[members.memberIds.indexOf(id)] ?? id;
  return names.format(userIds.map((id) => (id === user.id ? "You" : nameOf(id))));
}
