import type { ThreadSummary } from "hearth-client";
import { useEffect } from "preact/hooks";
import { Announcer } from "./announcer";
import { serviceWorker } from "./background";
import { countUnread, useAppBadge } from "./badge";
import { useChat } from "./context";
import { Incoming } from "./incoming";
import { reportLive } from "./live";
import { useStore } from "./store";

/**
 * Tells the user about new messages while the page runs: announces them, shows a notice, and updates the app's badge.
 * Closes a notification of the system when its thread is read, and all of them when the user signs out.
 */
export function Notifications({ threadId }: { threadId: string | undefined }) {
  const { client, list } = useChat();
  const { threads, loaded } = useStore(list);
  useAppBadge(loaded ? countUnread(threads) : undefined);
  // A page that catches up counts as live, because it shows the new messages within moments.
  const isLive = () => ["live", "catching-up"].includes(client.connection.getSnapshot().status);
  useEffect(() => reportLive(isLive), [client]);

  const unread = threads.filter(({ unreadCount }) => unreadCount > 0).map(({ id }) => id);
  useEffect(() => {
    if (!loaded) return;
    const closeRead = () => closeNotifications(({ tag }) => isRead(threads, tag));
    closeRead();
    // A push message may arrive late, while this page is hidden. If the user has read the thread on another device in
    // the meantime, its notification closes as soon as the page is visible again.
    document.addEventListener("visibilitychange", closeRead);
    return () => document.removeEventListener("visibilitychange", closeRead);
  }, [loaded, unread.join()]);
  useEffect(
    () => () => {
      closeNotifications(() => true);
    },
    [],
  );

  return (
    <>
      <Announcer threadId={threadId} />
      <Incoming threadId={threadId} />
    </>
  );
}

function isRead(threads: readonly ThreadSummary[], threadId: string): boolean {
  return threads.some(({ id, unreadCount }) => id === threadId && unreadCount === 0);
}

async function closeNotifications(which: (notification: Notification) => boolean): Promise<void> {
  const worker = await serviceWorker?.catch(() => undefined); // the error was reported where the worker is registered
  const shown = (await worker?.getNotifications()) ?? [];
  for (const notification of shown.filter(which)) notification.close();
}
