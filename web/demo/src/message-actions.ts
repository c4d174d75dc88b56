import type { Message, ThreadView } from "hearth-client";
import type { RefObject } from "preact";
import { useMemo } from "preact/hooks";
import { useChat } from "./context";
import type { Draft } from "./draft";

/** What the user can do with a message. */
export interface MessageActions {
  reply(message: Message): void;
  edit(message: Message): void;
  /** Deletes a message, unless the user undoes it within 5 seconds. */
  remove(message: Message): void;
  /** Sets the user's reaction, or removes it if the emoji is null. */
  react(message: Message, emoji: string | null): void;
  copy(text: string): void;
  /** Shows a text to the user for 4 seconds. */
  notify(text: string): void;
}

/**
 * Returns the actions for a thread's messages. While the arguments stay the same, returns the same object, so that
 * messages are not rendered again.
 */
export function useMessageActions(
  view: ThreadView,
  draft: Draft,
  field: RefObject<HTMLTextAreaElement | null>,
  notify: (text: string) => void,
): MessageActions {
  const { deletions } = useChat();
  const actions = (): MessageActions => ({
    reply({ seq }) {
      draft.reply(seq);
      field.current?.focus();
    },
    edit({ seq, body }) {
      draft.edit(seq, body);
      field.current?.focus();
    },
    remove(message) {
      if (draft.getSnapshot().edit?.seq === message.seq) draft.cancel();
      deletions.start(view, message);
    },
    react({ seq }, emoji) {
      if (emoji === null) view.unreact(seq);
      else view.react(seq, emoji);
    },
    copy(text) {
      const copied = navigator.clipboard.writeText(text);
      copied.then(
        () => notify("Text copied"),
        () => notify("The browser did not allow the page to copy the text."),
      );
    },
    notify,
  });
  return useMemo(actions, [view, draft, field, notify, deletions]);
}
