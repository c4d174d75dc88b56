import type { ThreadEntry } from "hearth-client";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { pageIsVisible } from "./unread";

/** The timeline counts as scrolled to the end if at most this many pixels are below the visible part. */
const END_DISTANCE_PX = 48;

/** Space between the top of the visible part and the message that the timeline has scrolled to, in pixels. */
const MARGIN_PX = 16;

/** The DOM ID of the divider "New messages". */
export const DIVIDER_ID = "new-messages";

/**
 * Decides what part of the timeline is visible. It opens at the divider, or at the end. Scrolled to the end, it follows
 * new messages, but not beyond a new divider. Otherwise, the visible messages stay where they are when messages are
 * added or change their height. A message is lower while it is in `deleting`.
 */
export function useScrollPosition(
  scroller: RefObject<HTMLElement | null>,
  entries: readonly ThreadEntry[],
  deleting: ReadonlySet<string>,
  divider: number | null | undefined,
  atEnd: RefObject<boolean>,
) {
  const [shownAtEnd, setShownAtEnd] = useState(true);
  const opened = useRef(false);
  const lastKey = useRef("");
  const lastDivider = useRef<number | null>(null);
  const anchor = useRef<Anchor>(undefined);

  const update = () => {
    const element = scroller.current;
    if (!element) return;
    atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < END_DISTANCE_PX;
    setShownAtEnd(atEnd.current);
    anchor.current = findAnchor(element);
  };

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element || divider === undefined) return;
    const last = entries.at(-1);
    const sent = last?.message === null && last.key !== lastKey.current;
    lastKey.current = last?.key ?? "";
    const follows = !opened.current || atEnd.current;
    const toDivider = divider !== null && (divider !== lastDivider.current || !pageIsVisible());
    lastDivider.current = divider;
    if (follows && toDivider) {
      element.scrollTop += topOf(element, document.getElementById(DIVIDER_ID)) - MARGIN_PX;
    } else if (follows || sent) element.scrollTop = element.scrollHeight;
    else if (anchor.current?.item.isConnected) {
      const moved = bottomOf(element, anchor.current.item) - anchor.current.bottom;
      if (Math.abs(moved) >= 1) element.scrollTop += moved; // any assignment would end a smooth scroll
    }
    opened.current = true;
    update();
  }, [entries, deleting, divider]);

  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const resized = new ResizeObserver(() => {
      if (atEnd.current) element.scrollTop = element.scrollHeight;
    });
    element.addEventListener("scroll", update, { passive: true });
    resized.observe(element);
    return () => {
      element.removeEventListener("scroll", update);
      resized.disconnect();
    };
  }, []);

  /** Scrolls to the message with this `seq`, or to the end. */
  const scrollTo = (seq?: number) => {
    const element = scroller.current;
    if (!element) return;
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
    const item = element.querySelector(`li[data-seq="${seq}"]`);
    const top = item ? element.scrollTop + topOf(element, item) - MARGIN_PX : element.scrollHeight;
    element.scrollTo({ top, behavior });
    element.focus({ preventScroll: true }); // the button that was pressed disappears
  };

  return { atEnd: shownAtEnd, scrollTo };
}

/** A message that stays where it is: the distance of its lower edge from the top of the scroller. */
interface Anchor {
  item: Element;
  bottom: number;
}

/**
 * Returns the first message that is on the screen. Its lower edge stays, because its upper part changes when older
 * messages are added: the author's name and the day are shown only once.
 */
function findAnchor(scroller: HTMLElement): Anchor | undefined {
  const items = [...scroller.querySelectorAll(".message > .body")].reverse();
  let anchor: Anchor | undefined;
  for (const item of items) {
    const bottom = bottomOf(scroller, item);
    if (anchor && bottom <= 0) break;
    anchor = { item, bottom };
  }
  return anchor;
}

function bottomOf(scroller: HTMLElement, item: Element): number {
  return item.getBoundingClientRect().bottom - scroller.getBoundingClientRect().top;
}

/** Returns the distance of an item from the top of the scroller's visible part, in pixels. */
function topOf(scroller: HTMLElement, item: Element | null): number {
  return item ? item.getBoundingClientRect().top - scroller.getBoundingClientRect().top : 0;
}
