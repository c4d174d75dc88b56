import type { ThreadSummary } from "hearth-client";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { names, otherMembers, useChat } from "./context";
import { preview } from "./preview";
import { latestActivity, unreadCount } from "./read-marks";
import { useStore } from "./store";

/** Maximum number of announcements that stay in the document. Older ones are removed. */
const MAX_ANNOUNCEMENTS = 5;

/** Announces new messages of others to screen readers, and shows the number of unread messages in the page's title. */
export function Announcer({ threadId }: { threadId: string | undefined }) {
  const { list, marks, user } = useChat();
  const { threads, loaded } = useStore(list);
  const read = useStore(marks);
  const known = useRef<Known>(undefined);
  const [announcements, setAnnouncements] = useState<{ key: number; text: string }[]>([]);

  // A layout effect, because it runs before the page is painted. Otherwise threads that the user has read would briefly
  // show as unread.
  useLayoutEffect(() => {
    if (!loaded) return;
    marks.addThreads(threads);
    const { since, seqs } = known.current ?? { since: latestActivity(threads), seqs: undefined };
    const changed = seqs ? threads.filter((thread) => hasNewMessage(thread, { since, seqs }, user.id)) : [];
    known.current = { since, seqs: new Map(threads.map((thread) => [thread.id, thread.lastMessage?.seq ?? 0])) };
    if (changed.length === 0) return;
    // Each announcement is a new paragraph, so that screen readers also announce a repeated text.
    const text = changed.map((thread) => announcement(thread)).join(" ");
    setAnnouncements((earlier) =>
      [...earlier, { key: (earlier.at(-1)?.key ?? 0) + 1, text }].slice(-MAX_ANNOUNCEMENTS),
    );
  }, [threads, loaded]);

  function announcement(thread: ThreadSummary): string {
    const title = thread.title ?? names.format(otherMembers(thread, user).map(({ name }) => name));
    const place = thread.id === threadId ? "" : ` in ${title}`;
    return `${thread.lastMessage?.author.name}${place}: ${preview(thread.lastMessage)}`;
  }

  const unread = threads.reduce((sum, thread) => sum + unreadCount(thread, read, user.id), 0);
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) Hearth` : "Hearth";
  }, [unread]);

  return (
    <div class="hidden" role="log" aria-label="New messages">
      {announcements.map(({ key, text }) => (
        <p key={key}>{text}</p>
      ))}
    </div>
  );
}

interface Known {
  /** Time of the latest activity in the list of threads when it was first loaded, by the server's clock. */
  since: string;
  /** The `seq` of each thread's last message when the list last changed, by thread ID. 0 for an empty thread. */
  seqs: Map<string, number>;
}

/**
 * Returns whether the last message of a thread is new and from somebody else. A thread that was not in the list before
 * may come from an older page of the list, so its message is new only if it was sent after `since`.
 */
function hasNewMessage({ id, lastMessage }: ThreadSummary, { since, seqs }: Known, userId: string): boolean {
  if (lastMessage === null || lastMessage.author.id === userId) return false;
  const seq = seqs.get(id);
  return seq === undefined ? lastMessage.createdAt > since : lastMessage.seq > seq;
}
