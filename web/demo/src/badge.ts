import type { ThreadSummary } from "hearth-client";
import { useEffect } from "preact/hooks";
import { isMuted } from "./mute";

/** Shows the number of unread messages in the page's title, and a dot in its icon. */
export function useBadge(unread: number): void {
  useEffect(() => {
    show(unread);
    return () => show(0); // after a sign-out, the page must not tell the number
  }, [unread]);
}

function show(unread: number): void {
  document.title = unread > 0 ? `(${unread}) Hearth` : "Hearth";
  const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  if (icon) icon.href = unread > 0 ? "./favicon-unread.svg" : "./favicon.svg";
}

/**
 * Shows the number of unread threads on the icon of the installed app. The service worker shows the same number when a
 * push message arrives. If `threads` is undefined, the icon does not change.
 */
export function useAppBadge(threads: number | undefined): void {
  useEffect(() => {
    if (threads !== undefined) setAppBadge(threads);
  }, [threads]);
  useEffect(() => () => setAppBadge(0), []); // after a sign-out, the icon shows no number
}

function setAppBadge(threads: number): void {
  // Some browsers show badges only for installed apps, and reject the call if the page is not installed.
  navigator.setAppBadge?.(threads).catch((error) => console.warn("The app's badge could not be changed:", error));
}

/** Returns the number of threads with unread messages, without muted threads. The badge shows this number. */
export function countUnread(threads: readonly ThreadSummary[]): number {
  return threads.filter((thread) => thread.unreadCount > 0 && !isMuted(thread)).length;
}
