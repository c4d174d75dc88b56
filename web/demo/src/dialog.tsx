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
 * A modal dialog, for as long as it is rendered. The browser keeps the focus within, closes it on Escape, and
 * gives the focus back afterwards; a click beside it closes it as well.
 */
export function Dialog({ label, onClose, onKeyDown, children, class: name }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const pressed = useRef<EventTarget | null>(null);
  // Not an effect: it is to be closed while it is there, so that the browser gives the focus back.
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
        event.preventDefault(); // it goes when it is rendered no more
        onClose();
      }}
      // Told late, when another dialog may be there in its place.
      onClose={(event) => event.currentTarget.isConnected && onClose()}
      // Not where a press only ends: one that selects text may begin within.
      onPointerDown={(event) => {
        pressed.current = event.target;
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget && pressed.current === event.currentTarget) onClose();
      }}
      onKeyDown={(event) => {
        event.stopPropagation(); // what is behind the dialog has its own use for Escape
        onKeyDown?.(event);
      }}
    >
      {children}
    </dialog>
  );
}
