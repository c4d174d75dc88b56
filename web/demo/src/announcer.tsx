import type { ThreadSummary } from "hearth-client";
import { useEffect, useRef, useState } from "preact/hooks";
import { useBadge } from "./badge";
import { names, otherMembers, useChat } from "./context";
import { isMuted } from "./mute";
import { preview } from "./preview";
import { useStore } from "./store";

/** Maximum number of announcements that stay in the document. Older ones, and those of deleted messages, are removed. */
const MAX_ANNOUNCEMENTS = 5;

/** Announces new messages of others to screen readers, and shows the number of unread messages in the page's title. */
export function Announcer({ threadId }: { threadId: string | undefined }) {
  const { list, user } = useChat();
  const { threads, unread, loaded } = useStore(list);
  const known = useRef<Known>(undefined);
  const [announcements, setAnnouncements] = useState<{ key: string; text: string }[]>([]);
  useBadge(unread);

  useEffect(() => {
    if (!loaded) return;
    const { since, seqs } = known.current ?? { since: latestActivity(threads), seqs: undefined };
    const changed = seqs ? threads.filter((thread) => hasNewMessage(thread, { since, seqs }, user.id)) : [];
    known.current = { since, seqs: new Map(threads.map((thread) => [thread.id, thread.lastMessage?.seq ?? 0])) };
    const deleted = new Set(threads.filter(({ lastMessage }) => lastMessage?.deletedAt).map(keyOf));
    // Each announcement is a new paragraph, so that screen readers also announce a repeated text.
    const added = changed.map((thread) => ({ key: keyOf(thread), text: announcement(thread) }));
    setAnnouncements((earlier) => {
      const kept = earlier.filter(({ key }) => !deleted.has(key));
      const same = kept.length === earlier.length && added.length === 0;
      return same ? earlier : [...kept, ...added].slice(-MAX_ANNOUNCEMENTS);
    });
  }, [threads, loaded]);

  function announcement(thread: ThreadSummary): string {
    const title = thread.title ?? names.format(otherMembers(thread, user).map(({ name }) => name));
    const place = thread.id === threadId ? "" : ` in ${title}`;
    return `${thread.lastMessage?.author.name}${place}: ${preview(thread.lastMessage)}`;
  }

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

/** Returns a key of a thread's last message. */
function keyOf({ id, lastMessage }: ThreadSummary): string {
  return `${id} ${lastMessage?.seq}`;
}

/** Returns the time of the latest activity in these threads, or "" if there are none. */
function latestActivity(threads: readonly ThreadSummary[]): string {
  const times = threads.map(({ updatedAt }) => updatedAt);
  return times.sort().at(-1) ?? "";
}

/**
 * Returns whether a thread's last message is to be announced: it is new, from somebody else, and the thread is not
 * muted. A thread that was not in the list before may be an older one, of which the list has just been loaded, or that
 * was archived. Then its message is new only if it was sent after `since` and is unread.
 */
function hasNewMessage(thread: ThreadSummary, { since, seqs }: Known, userId: string): boolean {
  const { id, lastMessage, unreadCount } = thread;
  if (lastMessage === null || lastMessage.author.id === userId || isMuted(thread)) return false;
  const seq = seqs.get(id);
  return seq === undefined ? lastMessage.createdAt > since && unreadCount > 0 : lastMessage.seq > seq;
}
