import type { ThreadSummary } from "hearth-client";
import { useEffect, useRef, useState } from "preact/hooks";
import { titleOf, useChat } from "./context";
import { preview } from "./preview";
import { unreadOf } from "./read-marks";
import { useStore } from "./store";

/** Reads new messages of others out to a screen reader, and counts the unread ones in the window's title. */
export function Announcer({ threadId }: { threadId: string | undefined }) {
  const { list, marks, user } = useChat();
  const { threads, loaded } = useStore(list);
  const read = useStore(marks);
  const heard = useRef<Map<string, number>>(undefined);
  const [text, setText] = useState("");

  useEffect(() => {
    if (!loaded) return;
    marks.begin(threads);
    const news = threads.filter((thread) => heard.current && isNew(thread, heard.current, user.id));
    heard.current = new Map(threads.map((thread) => [thread.id, thread.lastMessage?.seq ?? 0]));
    if (news.length > 0) setText(news.map((thread) => sentence(thread)).join(" "));
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
    <p class="hidden" role="log" aria-label="New messages">
      {text}
    </p>
  );
}

function isNew(thread: ThreadSummary, heard: Map<string, number>, userId: string): boolean {
  const last = thread.lastMessage;
  return last !== null && last.author.id !== userId && last.seq > (heard.get(thread.id) ?? 0);
}
