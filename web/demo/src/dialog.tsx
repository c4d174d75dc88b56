import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface Props {
  class: string;
  label: string;
  onClose(): void;
  onKeyDown?(event: KeyboardEvent): void;
  children: ComponentChildren;
}

/**
 * A modal dialog that is open while it is rendered. The browser keeps the focus inside, closes the dialog on Escape,
 * and then returns the focus to the element that had it before. A click outside closes the dialog too.
 */
export function Dialog({ label, onClose, onKeyDown, children, class: name }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const pressed = useRef<EventTarget | null>(null);
  // A layout effect, because the dialog must be closed while it is still in the document. Otherwise the browser does
  // not return the focus.
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
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
      // A click outside closes the dialog only if the press began outside: a text selection may begin inside.
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
