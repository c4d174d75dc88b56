import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** How long a finger must stay on a message for a long press, in milliseconds. */
const LONG_PRESS_MS = 500;

/** If a finger moves by more pixels than this, it scrolls, and there is no long press. */
const MOVE_PX = 10;

/** Calls `onLongPress` with the message on which the user has kept a finger for 500 ms. */
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
    // After a long press, the release of the finger is a click on the element below it, such as a photo or the menu.
    // This click must have no effect.
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
      // Android opens its own menu for a long press on a link or an image, which would cancel this press. The event
      // that announces that menu counts as the long press, and the menu is prevented.
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
