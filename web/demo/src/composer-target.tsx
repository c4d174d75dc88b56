import type { Message } from "hearth-client";
import { useChat } from "./context";
import { CloseIcon } from "./icons";
import { preview } from "./preview";

interface Props {
  /** The message that the user edits or replies to; undefined if it is not loaded. */
  message: Message | undefined;
  /** Whether the user edits the message. */
  edits: boolean;
  onCancel(): void;
}

/** Shows above the composer which message the user edits or replies to. */
export function ComposerTarget({ message, edits, onCancel }: Props) {
  const { user } = useChat();
  const cancel = edits ? "Cancel the edit" : "Cancel the reply";
  return (
    <div class="target">
      <p>
        <strong>{edits ? "Editing your message" : <>Replying to {message ? whom(message) : "a message"}</>}</strong>
        {message && (
          <span class="excerpt" dir="auto">
            {preview(message)}
          </span>
        )}
      </p>
      <button type="button" class="icon-button" aria-label={cancel} title={cancel} onClick={onCancel}>
        <CloseIcon />
      </button>
    </div>
  );

  function whom({ author: { id, name } }: Message) {
    return id === user.id ? "yourself" : <bdi>{name}</bdi>;
  }
}
