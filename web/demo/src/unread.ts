import type { Message, ThreadSnapshot, ThreadView } from "hearth-client";
import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

/** When a thread opens, older messages are loaded until the first unread one is loaded, but at most this many pages. */
const MAX_PAGES = 10;

export function pageIsVisible(): boolean {
  return document.visibilityState === "visible";
}

/** Returns the loaded messages of others that the user has not read. */
export function unreadMessages({ messages, readSeq }: ThreadSnapshot, userId: string): Message[] {
  return messagesOfOthers(messages, readSeq ?? 0, userId);
}

/** Returns the loaded messages of others after the one with this `seq`. */
export function messagesOfOthers(messages: readonly Message[], after: number, userId: string): Message[] {
  const start = after + 1 - (messages[0]?.seq ?? 0); // `seq` has no gaps
  return messages.slice(Math.max(0, start)).filter(({ author }) => author.id !== userId);
}

/**
 * Returns the `seq` of the message below which the divider "New messages" is; null if there is no divider. Returns
 * undefined until the first unread message is loaded. Until then, no messages should be shown.
 *
 * The divider appears when the user opens the thread, and when messages arrive that the user does not see at once: the
 * page is hidden, the end of the messages is not on the screen, or the new messages do not fit on it. It stays where it
 * is while the user reads.
 */
export function useDivider(
  view: ThreadView,
  snapshot: ThreadSnapshot,
  userId: string,
  scroller: RefObject<HTMLElement | null>,
  atEnd: RefObject<boolean>,
): number | null | undefined {
  const [divider, setDivider] = useState<number | null>();
  const pages = useRef(0);
  const lastKey = useRef<string>(undefined);

  useLayoutEffect(() => {
    const { loaded, readSeq, error, messages, hasOlder, loadingOlder, entries } = snapshot;
    if (divider === undefined) {
      // If the read mark cannot be loaded, the snapshot has an error, and the thread opens at its end.
      if (!loaded || (readSeq === null && error === null)) return;
      const first = messages[0]?.seq ?? 0;
      const incomplete = readSeq !== null && hasOlder && first > readSeq + 1 && pages.current < MAX_PAGES;
      if (!incomplete) setDivider(placeFor(snapshot, userId));
      else if (!loadingOlder) {
        pages.current += 1;
        view.loadOlder().catch(() => setDivider(placeFor(view.getSnapshot(), userId)));
      }
    }
    const last = entries.at(-1);
    const sent = last?.message === null && lastKey.current !== undefined && last.key !== lastKey.current;
    lastKey.current = last?.key ?? "";
    if (sent) setDivider(null);
    else if (divider === null) {
      const [first] = unreadMessages(snapshot, userId);
      const seen = pageIsVisible() && atEnd.current && fitsFrom(first?.seq, scroller.current);
      if (!seen) setDivider(placeFor(snapshot, userId));
    }
  }, [snapshot, divider]);

  useLayoutEffect(() => {
    const moveWhileHidden = () => {
      if (pageIsVisible()) return;
      setDivider((before) => (before === undefined ? before : placeFor(view.getSnapshot(), userId)));
    };
    document.addEventListener("visibilitychange", moveWhileHidden);
    return () => document.removeEventListener("visibilitychange", moveWhileHidden);
  }, [view, userId]);

  return divider;
}

/**
 * Returns the `seq` of the message that the user has read last, if unread messages of others follow it; otherwise null.
 * The divider belongs below this message.
 */
function placeFor(snapshot: ThreadSnapshot, userId: string): number | null {
  return unreadMessages(snapshot, userId).length > 0 ? snapshot.readSeq : null;
}

/** Returns whether the messages from `seq` on fit on the screen together. */
function fitsFrom(seq: number | undefined, scroller: HTMLElement | null): boolean {
  const item = scroller?.querySelector(`li[data-seq="${seq}"]`);
  if (!scroller || !item) return true;
  const aboveItem = item.getBoundingClientRect().top - scroller.getBoundingClientRect().top + scroller.scrollTop;
  return scroller.scrollHeight - aboveItem <= scroller.clientHeight;
}
