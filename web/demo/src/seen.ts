import type { ThreadSnapshot, ThreadView } from "hearth-client";
import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import { pageIsVisible } from "./unread";

/**
 * A message counts as seen if the top of it, of this many pixels, is on the screen. A message that is less tall must be
 * on the screen completely.
 */
const SEEN_PX = 48;

/**
 * Moves the user's read mark over the messages that have been on the screen while the page was visible. The mark stops
 * before the first message that has not been on the screen. So after a jump to the end, the messages in between stay
 * unread. Returns whether such unread messages are above the visible part.
 */
export function useSeen(
  view: ThreadView,
  scroller: RefObject<HTMLElement | null>,
  { entries, readSeq }: ThreadSnapshot,
  loaded: boolean,
): boolean {
  const [seen] = useState(() => new Set<number>());
  const [skipped, setSkipped] = useState(false);
  useEffect(() => {
    const element = scroller.current;
    if (!element || !loaded) return;
    const mark = () => {
      if (!pageIsVisible()) return;
      const onScreen = seqsOnScreen(element);
      for (const seq of onScreen) seen.add(seq);
      const { readSeq, messages } = view.getSnapshot();
      let last = readSeq ?? 0;
      while (seen.has(last + 1)) last += 1;
      if (last > (readSeq ?? 0)) view.markRead(last);
      const [top] = onScreen;
      const unread = readSeq !== null && last < (messages.at(-1)?.seq ?? 0);
      setSkipped(unread && top !== undefined && top > last + 1);
    };
    element.addEventListener("scroll", mark, { passive: true });
    document.addEventListener("visibilitychange", mark);
    // The observer also calls `mark` once at the beginning, in the next frame. Before that, the scroll position may
    // still change.
    const resized = new ResizeObserver(mark);
    resized.observe(element);
    return () => {
      element.removeEventListener("scroll", mark);
      document.removeEventListener("visibilitychange", mark);
      resized.disconnect();
    };
  }, [view, entries, readSeq, loaded]);
  return skipped;
}

/** Returns the `seq` of each message that is on the screen, in order. */
function seqsOnScreen(scroller: HTMLElement): number[] {
  const { top, bottom } = scroller.getBoundingClientRect();
  return [...scroller.querySelectorAll<HTMLElement>("li[data-seq]")]
    .filter((item) => {
      const rect = item.getBoundingClientRect();
      return rect.bottom > top && rect.top + Math.min(rect.height, SEEN_PX) <= bottom;
    })
    .map((item) => Number(item.dataset.seq));
}
