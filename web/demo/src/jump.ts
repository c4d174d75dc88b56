import type { ThreadSnapshot, ThreadView } from "hearth-client";
import { useLayoutEffect, useState } from "preact/hooks";

/** How long a message is highlighted after the user has gone to it, in milliseconds. */
const HIGHLIGHT_MS = 2_000;

/** Returns a function that scrolls to the message with a `seq`, after loading it if necessary, and highlights it. */
export function useJump(
  view: ThreadView,
  { entries, hasOlder, loadingOlder }: ThreadSnapshot,
  goTo: (key: string, block: "center", reached: (item: HTMLElement) => void) => void,
  notify: (text: string) => void,
): (seq: number) => void {
  const [target, setTarget] = useState<number>();
  useLayoutEffect(() => {
    if (target === undefined) return;
    const entry = entries.find(({ message }) => message?.seq === target);
    if (entry) {
      setTarget(undefined);
      goTo(entry.key, "center", highlight);
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

function highlight(item: HTMLElement): void {
  focusMessage(item);
  const tint = { background: "var(--ember-tint)" };
  item.animate([tint, { ...tint, offset: 0.6 }, { background: "transparent" }], HIGHLIGHT_MS);
}

/** Moves the focus to a message, so that a screen reader reads it and Tab continues there. */
export function focusMessage(item: HTMLElement): void {
  item.tabIndex = -1;
  item.focus({ preventScroll: true });
}
