import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface Props {
  class: string;
  label: string;
  onClose(): void;
  onKeyDown?(event: KeyboardEvent): void;
  children: ComponentChildren;
}

/**
 * A modal dialog, for as long as it is rendered. The browser keeps the focus within, closes on Escape, and gives the
 * focus back afterwards; a click beside it closes it as well.
 */
export function Dialog({ label, onClose, onKeyDown, children, class: name }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={name}
      aria-label={label}
      onClose={onClose}
      onClick={(event) => event.target === event.currentTarget && onClose()}
      onKeyDown={(event) => {
        event.stopPropagation(); // what is behind the dialog has its own use for Escape
        onKeyDown?.(event);
      }}
    >
      {children}
    </dialog>
  );
}
