import type { ThreadSnapshot } from "hearth-client";
import { useRef } from "preact/hooks";
import { names, otherMembers } from "./context";
import { Names } from "./names";
import type { User } from "./session";

/** At most this many names of readers are shown. Then follows the number of the others. */
const MAX_NAMES = 3;

/**
 * Returns, by the `seq` of a message, the other members who have read up to this message and not further. Leaves out
 * members who do not share read receipts, who have written the message themselves, or whose last read message is not
 * loaded.
 */
function readersBySeq({ thread, reads, messages }: ThreadSnapshot, user: User): Map<number, User[]> {
  const readers = new Map<number, User[]>();
  const [first] = messages;
  if (!thread || !first) return readers;
  for (const member of otherMembers(thread, user)) {
    const mark = reads.find(({ userId }) => userId === member.id);
    const message = mark && messages[Math.min(mark.seq - first.seq, messages.length - 1)]; // `seq` has no gaps
    if (!message || message.author.id === member.id) continue;
    readers.set(message.seq, [...(readers.get(message.seq) ?? []), member]);
  }
  return readers;
}

/**
 * Returns what `readersBySeq` returns. The list of a message's readers is the same array as long as the readers are the
 * same, so that only messages are rendered again whose readers have changed.
 */
export function useReaders(snapshot: ThreadSnapshot, user: User): Map<number, User[]> {
  const before = useRef(new Map<number, User[]>());
  const readers = readersBySeq(snapshot, user);
  for (const [seq, people] of readers) {
    const known = before.current.get(seq);
    if (JSON.stringify(known) === JSON.stringify(people)) readers.set(seq, known ?? people);
  }
  before.current = readers;
  return readers;
}

/**
 * Returns a function that returns a text with the names of the other members who have read the message with this `seq`:
 * at most 3 names, and the number of the others.
 */
export function readNames({ thread, reads }: ThreadSnapshot, user: User): (seq: number) => string {
  const marks = thread ? otherMembers(thread, user) : [];
  const seqs = new Map(reads.map(({ userId, seq }) => [userId, seq]));
  return (seq) => {
    const readers = marks.filter(({ id }) => (seqs.get(id) ?? 0) >= seq).map(({ name }) => name);
    const more = readers.length - MAX_NAMES;
    return names.format(readers.slice(0, MAX_NAMES)) + (more > 0 ? ` and ${more} more` : "");
  };
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
