import type { ThreadSummary } from "hearth-client";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { titleOf, useChat } from "./context";
import { preview } from "./preview";
import { newest, unreadOf } from "./read-marks";
import { useStore } from "./store";

const KEPT = 5;

/** Reads new messages of others out to a screen reader, and counts the unread ones in the window's title. */
export function Announcer({ threadId }: { threadId: string | undefined }) {
  const { list, marks, user } = useChat();
  const { threads, loaded } = useStore(list);
  const read = useStore(marks);
  const heard = useRef<Heard>(undefined);
  const [news, setNews] = useState<{ key: number; text: string }[]>([]);

  // Before it is painted: what counts as read is never shown as unread.
  useLayoutEffect(() => {
    if (!loaded) return;
    marks.see(threads);
    const { since, seqs } = heard.current ?? { since: newest(threads), seqs: undefined };
    const fresh = seqs ? threads.filter((thread) => isNew(thread, { since, seqs }, user.id)) : [];
    heard.current = { since, seqs: new Map(threads.map((thread) => [thread.id, thread.lastMessage?.seq ?? 0])) };
    if (fresh.length === 0) return;
    // A paragraph of its own: the same words once more are read out once more.
    const text = fresh.map((thread) => sentence(thread)).join(" ");
    setNews((news) => [...news, { key: (news.at(-1)?.key ?? 0) + 1, text }].slice(-KEPT));
  }, [threads, loaded]);

  function sentence(thread: ThreadSummary): string {
    const place = thread.id === threadId ? "" : ` in ${titleOf(thread, user)}`;
    return `${thread.lastMessage?.author.name}${place}: ${preview(thread.lastMessage)}`;
  }

  const unread = threads.reduce((sum, thread) => sum + unreadOf(thread, read, user.id), 0);
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) Hearth` : "Hearth";
  }, [unread]);

  return (
    <div class="hidden" role="log" aria-label="New messages">
      {news.map(({ key, text }) => (
        <p key={key}>{text}</p>
      ))}
    </div>
  );
}

interface Heard {
  /** The newest moment that the list told of when it was loaded first, by the server's clock. */
  since: string;
  /** Of each thread's newest message. */
  seqs: Map<string, number>;
}

/** A thread that was not listed yet may come from an older page: its message is new only if it is younger than the list. */
function isNew({ id, lastMessage }: ThreadSummary, { since, seqs }: Heard, userId: string): boolean {
  if (lastMessage === null || lastMessage.author.id === userId) return false;
  const known = seqs.get(id);
  return known === undefined ? lastMessage.createdAt > since : lastMessage.seq > known;
}
