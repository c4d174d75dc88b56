import type { ThreadEntry } from "hearth-client";
import { Bubble, type BubbleProps } from "./bubble";
import { pure } from "./pure";

/** Messages of one author form a group if each was sent less than this time after the previous one. */
const GROUP_PAUSE_MS = 5 * 60_000;

interface Props extends BubbleProps {
  /** The heading above the first message of a day; undefined for other messages. */
  day: string | undefined;
  /** The text of the divider above the first unread message; undefined for other messages. */
  divider: string | undefined;
}

/** Shows a message, below the heading of its day and the divider of unread messages. */
export const Row = pure(({ day, divider, ...bubble }: Props) => (
  <>
    {day && (
      <li class="day">
        <span>{day}</span>
      </li>
    )}
    {divider && (
      <li class="new">
        <span>{divider}</span>
      </li>
    )}
    <Bubble {...bubble} />
  </>
));

/** Returns the ID of an entry's author. An entry that is not sent yet is the user's own. */
export function authorOf(entry: ThreadEntry, userId: string): string {
  return entry.message?.author.id ?? userId;
}

export function sameDay(a: ThreadEntry, b: ThreadEntry): boolean {
  return new Date(a.createdAt).toDateString() === new Date(b.createdAt).toDateString();
}

export function sameGroup(entry: ThreadEntry | undefined, next: ThreadEntry, userId: string): boolean {
  return (
    entry !== undefined &&
    authorOf(entry, userId) === authorOf(next, userId) &&
    Date.parse(next.createdAt) - Date.parse(entry.createdAt) < GROUP_PAUSE_MS
  );
}
