import type { ThreadSummary } from "hearth-client";
import { useEffect, useRef, useState } from "preact/hooks";
import { Arrivals } from "./arrivals";
import { useBadge } from "./badge";
import { names, otherMembers, useChat } from "./context";
import { preview } from "./preview";
import { useStore } from "./store";

/**
 * At most this many announcements stay in the document. Older ones are removed, and so are those about deleted
 * messages.
 */
const MAX_ANNOUNCEMENTS = 5;

/**
 * After a message of a thread is announced, further messages of this thread are not announced for this time, in
 * milliseconds, unless the thread is open.
 */
const BURST_MS = 5_000;

/** Announces new messages of others to screen readers, and shows the number of unread messages in the page's title. */
export function Announcer({ threadId }: { threadId: string | undefined }) {
  const { list, user } = useChat();
  const { threads, unread, loaded } = useStore(list);
  const [arrivals] = useState(() => new Arrivals(user.id));
  /** When each thread was last announced, in milliseconds since 1970. */
  const announced = useRef(new Map<string, number>());
  const [announcements, setAnnouncements] = useState<{ key: string; text: string }[]>([]);
  useBadge(unread);

  useEffect(() => {
    if (!loaded) return;
    const changed = arrivals.update(threads).filter(isDue);
    const deleted = new Set(threads.filter(({ lastMessage }) => lastMessage?.deletedAt).map(keyOf));
    // Each announcement is a new paragraph, so that screen readers also announce a repeated text.
    const added = changed.map((thread) => ({ key: keyOf(thread), text: announcement(thread) }));
    setAnnouncements((earlier) => {
      const kept = earlier.filter(({ key }) => !deleted.has(key));
      const same = kept.length === earlier.length && added.length === 0;
      return same ? earlier : [...kept, ...added].slice(-MAX_ANNOUNCEMENTS);
    });
  }, [threads, loaded]);

  /**
   * Returns whether to announce a thread's new message now. If several messages arrive within 5 seconds in a thread
   * that is not open, only the first one is announced.
   */
  function isDue({ id }: ThreadSummary): boolean {
    const now = Date.now();
    if (id !== threadId && now - (announced.current.get(id) ?? 0) < BURST_MS) return false;
    announced.current.set(id, now);
    return true;
  }

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

/** Returns a text that identifies a thread's last message: the thread's ID and the message's `seq`. */
function keyOf({ id, lastMessage }: ThreadSummary): string {
  return `${id} ${lastMessage?.seq}`;
}
