import type { Message } from "hearth-client";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { useChat } from "./context";
import { focusMessage } from "./jump";

/** Shown in place of a message that the user has just deleted, as long as the deletion can be undone. */
export function Undo({ message }: { message: Message }) {
  const { deletions } = useChat();
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus({ preventScroll: true }), []);
  useLayoutEffect(() => {
    const element = button.current;
    const item = element?.closest<HTMLElement>("li");
    return () => {
      if (item && document.activeElement === element) focusMessage(item); // the button disappears
    };
  }, []);
  return (
    <p class="bubble">
      You deleted this message.{" "}
      <button
        ref={button}
        type="button"
        class="link-button"
        aria-label="Undo the deletion"
        onClick={() => deletions.undo(message.id)}
      >
        Undo
      </button>
    </p>
  );
}
