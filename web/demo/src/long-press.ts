import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** How long a finger must stay on a message, in milliseconds. */
const LONG_PRESS_MS = 500;

/** A finger that moves by more pixels than this scrolls. */
const MOVE_PX = 10;

/** Calls `onLongPress` with the message that the user has pressed with a finger for a while. */
export function useLongPress(list: RefObject<HTMLElement | null>, onLongPress: (item: HTMLElement) => void): void {
  const latest = useRef(onLongPress);
  latest.current = onLongPress;
  useEffect(() => {
    const element = list.current;
    if (!element) return;
    let press: { item: HTMLElement; timer: number; x: number; y: number } | undefined;
    const end = () => {
      clearTimeout(press?.timer);
      press = undefined;
    };
    // The release of the finger is not a click on what is below it, such as a photo or the menu.
    const ignore = (event: Event) => {
      event.preventDefault();
      event.stopPropagation();
    };
    const clickAgain = () => document.removeEventListener("click", ignore, { capture: true });
    const fire = () => {
      if (!press) return;
      const { item } = press;
      end();
      latest.current(item);
      document.addEventListener("click", ignore, { capture: true, once: true });
    };
    const listeners: Partial<{ [Name in keyof HTMLElementEventMap]: (event: HTMLElementEventMap[Name]) => void }> = {
      pointerdown: ({ pointerType, isPrimary, target, clientX: x, clientY: y }) => {
        end();
        const item = (target as Element).closest<HTMLElement>("li.message");
        if (pointerType !== "touch" || !isPrimary || !item) return;
        press = { item, timer: window.setTimeout(fire, LONG_PRESS_MS), x, y };
      },
      pointermove: ({ clientX, clientY }) => {
        if (press && Math.hypot(clientX - press.x, clientY - press.y) > MOVE_PX) end();
      },
      pointerup: end,
      pointercancel: end,
      // Android's own menu of links and images would end the press.
      contextmenu: (event) => {
        if (!press) return;
        event.preventDefault();
        fire();
      },
    };
    const entries = Object.entries(listeners) as [string, EventListener][];
    for (const [name, listener] of entries) element.addEventListener(name, listener);
    document.addEventListener("pointerdown", clickAgain, { capture: true });
    return () => {
      end();
      clickAgain();
      document.removeEventListener("pointerdown", clickAgain, { capture: true });
      for (const [name, listener] of entries) element.removeEventListener(name, listener);
    };
  }, []);
}
