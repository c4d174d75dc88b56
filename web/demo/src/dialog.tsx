import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface Props {
  class: string;
  label: string;
  /**
   * An element beside which the dialog is placed, if its style uses `--top` and `--left`. By default, it is in the
   * middle.
   */
  near?: Element | undefined;
  onClose(): void;
  onKeyDown?(event: KeyboardEvent): void;
  children: ComponentChildren;
}

/**
 * A modal dialog that is open while it is rendered. The browser keeps the focus inside, closes the dialog on Escape,
 * and then returns the focus to the element that had it before. A click outside closes the dialog too.
 */
export function Dialog({ label, near, onClose, onKeyDown, children, class: name }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const pressed = useRef<EventTarget | null>(null);
  // A layout effect, because the dialog must be closed while it is still in the document. Otherwise the browser does
  // not return the focus.
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    if (element && near) place(element, near);
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={name}
      aria-label={label}
      onCancel={(event) => {
        event.preventDefault(); // the dialog closes when its parent stops rendering it
        onClose();
      }}
      // The browser sends the close event late. If this dialog is no longer rendered, onClose would close the next
      // dialog.
      onClose={(event) => event.currentTarget.isConnected && onClose()}
      // A click outside closes the dialog only if the mouse was also pressed outside. A selection of text may begin
      // inside and end outside.
      onPointerDown={(event) => {
        pressed.current = event.target;
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget && pressed.current === event.currentTarget) onClose();
      }}
      onKeyDown={(event) => {
        event.stopPropagation(); // Escape would also leave the conversation behind the dialog
        onKeyDown?.(event);
      }}
    >
      {children}
    </dialog>
  );
}

/** Distance of a dialog from the element beside which it is placed, and from the edges of the window, in pixels. */
const GAP_PX = 6;

/** Sets the properties `--top` and `--left` of a dialog: below `near` or, if there is no space, above it. */
function place(dialog: HTMLElement, near: Element): void {
  const { width, height } = dialog.getBoundingClientRect();
  const { top, bottom, left } = near.getBoundingClientRect();
  const fits = bottom + height + 2 * GAP_PX <= innerHeight;
  const within = (wanted: number, most: number) => `${Math.max(GAP_PX, Math.min(wanted, most - GAP_PX))}px`;
  dialog.style.setProperty("--top", within(fits ? bottom + GAP_PX : top - height - GAP_PX, innerHeight - height));
  dialog.style.setProperty("--left", within(left, innerWidth - width));
}
