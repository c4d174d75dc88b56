import type { ThreadSnapshot } from "hearth-client";
import { otherMembers } from "./context";
import { Names } from "./names";
import type { User } from "./session";

/** At most this many names are shown below a message. */
const MAX_NAMES = 3;

/**
 * Returns who has read up to which message and not further, by the message's `seq`: of the other members who share it.
 * Leaves out members who have written the message themselves, or whose last read message is not loaded.
 */
export function readersBySeq({ thread, reads, messages }: ThreadSnapshot, user: User): Map<number, User[]> {
  const readers = new Map<number, User[]>();
  if (!thread) return readers;
  for (const member of otherMembers(thread, user)) {
    const mark = reads.find(({ userId }) => userId === member.id);
    const message = mark && messages.filter(({ seq }) => seq <= mark.seq).at(-1);
    if (!message || message.author.id === member.id) continue;
    readers.set(message.seq, [...(readers.get(message.seq) ?? []), member]);
  }
  return readers;
}

/** Tells who has read up to a message. */
export function ReadBy({ readers }: { readers: User[] }) {
  const more = readers.length - MAX_NAMES;
  return (
    <p class="read-by">
      Read by <Names people={readers.slice(0, MAX_NAMES)} />
      {more > 0 && ` and ${more} more`}
    </p>
  );
}
