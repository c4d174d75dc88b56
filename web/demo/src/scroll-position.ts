import type { ThreadEntry } from "hearth-client";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { indexOf, RowHeights, rowsAround } from "./rows";
import { pageIsVisible } from "./unread";

/** The timeline counts as scrolled to the end if at most this many pixels are below the visible part. */
const END_DISTANCE_PX = 48;

/** Space between the top of the visible part and the row that the timeline has scrolled to, in pixels. */
const MARGIN_PX = 16;

/**
 * The timeline renders the rows around one row. When the first visible row is at least this many rows away from it, the
 * timeline renders the rows around the first visible row.
 */
const STEP_ROWS = 15;

/** Where to scroll: to the row with this key or, if the key is undefined, to the end. */
interface Target {
  key: string | undefined;
  block: "start" | "center";
  /** Called with the message when the timeline has scrolled to it. */
  reached?: ((item: HTMLElement) => void) | undefined;
}

interface Options {
  scroller: RefObject<HTMLElement | null>;
  list: RefObject<HTMLElement | null>;
  entries: readonly ThreadEntry[];
  /** The IDs of the messages that the user has just deleted. The height of their rows has changed. */
  deleting: ReadonlySet<string>;
  /**
   * The `seq` of the message above the divider "New messages"; null if there is no divider. Undefined while nothing is
   * shown.
   */
  divider: number | null | undefined;
  /** The key of the first entry below the divider; undefined if there is no divider. */
  firstUnread: string | undefined;
  /** Whether the timeline is scrolled to the end. */
  atEnd: RefObject<boolean>;
  /** The key of the entry whose row is always rendered; undefined if there is none. */
  kept: string | undefined;
}

/**
 * Decides what part of the timeline is visible, and which rows are rendered: those around the visible ones. Empty space
 * takes the place of the other rows.
 *
 * The timeline opens at the divider or, if there is none, at the end. While it is scrolled to the end, it scrolls on to
 * new messages, but not beyond a new divider. Otherwise, the visible messages stay where they are when rows are added,
 * removed or change their height.
 */
export function useScrollPosition({ scroller, list, entries, deleting, divider, firstUnread, atEnd, kept }: Options) {
  const [shownAtEnd, setShownAtEnd] = useState(true);
  const [place, setPlace] = useState<string>();
  const [heights] = useState(() => new RowHeights());
  const rows = rowsAround(entries, place, kept);
  const above = heights.sum(entries.slice(0, rows.start));
  const below = heights.sum(entries.slice(rows.end));
  const latest = useRef({ entries, rows, above });
  latest.current = { entries, rows, above };
  const opened = useRef(false);
  const lastKey = useRef("");
  const lastDivider = useRef<number | null>(null);
  const anchor = useRef<Anchor>(undefined);
  const target = useRef<Target>(undefined);
  const height = useRef(0);
  const hadFocus = list.current?.contains(document.activeElement) === true;

  /**
   * Records the scroll position: the first visible message, and whether the end is visible. Renders other rows if
   * necessary.
   */
  const update = () => {
    const [element, ol] = [scroller.current, list.current];
    if (!element || !ol || target.current) return;
    const { entries, rows } = latest.current;
    atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < END_DISTANCE_PX;
    setShownAtEnd(atEnd.current);
    anchor.current = findAnchor(element, ol);
    // If no visible row is rendered, the heights of all rows tell which row would be visible.
    const first = anchor.current ? rows.start + anchor.current.index : heights.indexAt(entries, -topOf(element, ol));
    const key = entries[first]?.key;
    if (Math.abs(first - rows.index) >= STEP_ROWS) setPlace(key);
  };

  /** Scrolls to the target, if its row is rendered. Otherwise renders the rows around it first. */
  const reach = () => {
    const [element, ol] = [scroller.current, list.current];
    if (!element || !ol || !target.current) return;
    const { key, block, reached } = target.current;
    const { entries, rows } = latest.current;
    const index = key === undefined ? entries.length - 1 : indexOf(entries, key);
    if (index >= 0 && (index < rows.start || index >= rows.end)) return setPlace(key);
    target.current = undefined;
    const item = key === undefined ? undefined : messagesIn(ol)[index - rows.start];
    if (!item) element.scrollTop = element.scrollHeight;
    else if (block === "start") element.scrollTop += topOf(element, startOf(item)) - MARGIN_PX;
    else element.scrollTop += topOf(element, item) - (element.clientHeight - item.offsetHeight) / 2;
    update();
    if (item) reached?.(item);
  };

  /** Scrolls so that the visible messages are where they were when the scroll position was last recorded. */
  const hold = () => {
    const [element, held] = [scroller.current, anchor.current];
    if (!element || !held?.item.isConnected) return;
    const moved = bottomOf(element, held.item) - held.bottom;
    if (Math.abs(moved) >= 0.5) element.scrollTop += moved;
  };

  const measure = () => {
    const ol = list.current;
    if (!ol) return;
    const { entries, rows, above } = latest.current;
    let end = ol.getBoundingClientRect().top + above;
    messagesIn(ol).forEach((item, index) => {
      const { bottom } = item.getBoundingClientRect();
      const key = entries[rows.start + index]?.key;
      if (key !== undefined) heights.set(key, bottom - end);
      end = bottom;
    });
  };

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element || divider === undefined) return;
    measure();
    // The focus was in a row that is not rendered any more. Without this, the page would lose it.
    if (hadFocus && document.activeElement === document.body) element.focus({ preventScroll: true });
    const last = entries.at(-1);
    const sent = last?.message === null && last.key !== lastKey.current;
    lastKey.current = last?.key ?? "";
    const follows = !opened.current || atEnd.current;
    const toDivider = divider !== null && (divider !== lastDivider.current || !pageIsVisible());
    lastDivider.current = divider;
    if (follows && toDivider && firstUnread) target.current = { key: firstUnread, block: "start" };
    else if (follows || sent) target.current ??= { key: undefined, block: "start" };
    opened.current = true;
    height.current = element.clientHeight;
    if (target.current) return reach();
    hold();
    update();
  }, [entries, deleting, divider, rows.start, rows.end]);

  useEffect(() => {
    const [element, ol] = [scroller.current, list.current];
    if (!element || !ol) return;
    const scrolled = () => {
      // When the scroller becomes larger, the browser scrolls first and reports the new size later. The user has not
      // scrolled, so the position is not recorded between these two events.
      if (element.clientHeight === height.current) update();
    };
    const resized = new ResizeObserver(() => {
      height.current = element.clientHeight;
      measure();
      if (target.current) return;
      if (atEnd.current) element.scrollTop = element.scrollHeight;
      else hold();
      update();
    });
    element.addEventListener("scroll", scrolled, { passive: true });
    resized.observe(element);
    resized.observe(ol);
    return () => {
      element.removeEventListener("scroll", scrolled);
      resized.disconnect();
    };
  }, []);

  /** Scrolls to the entry with this key, or to the end. */
  const goTo = (key?: string, block: Target["block"] = "start", reached?: Target["reached"]) => {
    target.current = { key, block, reached };
    reach();
  };

  return { atEnd: shownAtEnd, rows, above, below, goTo };
}

/**
 * The message that is kept in place: its index in the list, and the distance of its lower edge from the scroller's top
 * in pixels.
 */
interface Anchor {
  index: number;
  item: Element;
  bottom: number;
}

/**
 * Returns the first message that is on the screen; undefined if none is rendered there. The lower edge of this message
 * is kept in place, because its upper part changes when older messages are added: the author's name and the day are
 * shown only once.
 */
function findAnchor(scroller: HTMLElement, list: HTMLElement): Anchor | undefined {
  const items = list.querySelectorAll(":scope > .message > .body");
  const top = scroller.getBoundingClientRect().top;
  for (const [index, item] of items.entries()) {
    const rect = item.getBoundingClientRect();
    if (rect.bottom <= top) continue;
    return rect.top - top < scroller.clientHeight ? { index, item, bottom: rect.bottom - top } : undefined;
  }
  return undefined;
}

function messagesIn(list: HTMLElement): NodeListOf<HTMLElement> {
  return list.querySelectorAll<HTMLElement>(":scope > .message");
}

/** Returns the first element of a message's row: the divider, if it is above the message, or else the message. */
function startOf(item: HTMLElement): Element {
  const before = item.previousElementSibling;
  return before?.classList.contains("new") ? before : item;
}

function bottomOf(scroller: HTMLElement, item: Element): number {
  return item.getBoundingClientRect().bottom - scroller.getBoundingClientRect().top;
}

/** Returns the distance of an item from the top of the scroller's visible part, in pixels. */
function topOf(scroller: HTMLElement, item: Element): number {
  return item.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
}
