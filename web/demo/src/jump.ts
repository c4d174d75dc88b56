import type { ThreadSnapshot, ThreadView } from "hearth-client";
import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

/** How long a message is highlighted that the user has gone to, in milliseconds. */
const HIGHLIGHT_MS = 2_000;

/** Returns a function that scrolls to the message with a `seq`, after loading it if necessary, and highlights it. */
export function useJump(
  view: ThreadView,
  { entries, hasOlder, loadingOlder }: ThreadSnapshot,
  scroller: RefObject<HTMLElement | null>,
  notify: (text: string) => void,
): (seq: number) => void {
  const [target, setTarget] = useState<number>();
  useLayoutEffect(() => {
    if (target === undefined) return;
    const item = scroller.current?.querySelector<HTMLElement>(`li[data-seq="${target}"]`);
    if (item) {
      setTarget(undefined);
      show(item);
    } else if (!loadingOlder) {
      const failed = () => {
        setTarget(undefined);
        notify("The message could not be loaded.");
      };
      if (hasOlder) view.loadOlder().catch(failed);
      else failed();
    }
  }, [target, entries, loadingOlder]);
  return setTarget;
}

function show(item: HTMLElement): void {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  item.scrollIntoView({ block: "center", behavior: calm ? "instant" : "smooth" });
  focusMessage(item);
  const tint = { background: "var(--ember-tint)" };
  item.animate([tint, { ...tint, offset: 0.6 }, { background: "transparent" }], HIGHLIGHT_MS);
}

/** Moves the focus to a message, so that a screen reader reads it and Tab continues there. */
export function focusMessage(item: HTMLElement): void {
  item.tabIndex = -1;
  item.focus({ preventScroll: true });
}
