import type { Message } from "hearth-client";
import { useChat } from "./context";
import { CloseIcon } from "./icons";
import { preview } from "./preview";

interface Props {
  /** What the composer does with the message. */
  does: "edit" | "reply";
  /** The message; undefined if it is not loaded. */
  message: Message | undefined;
  onCancel(): void;
}

/** Shows above the composer which message the user edits or replies to. */
export function ComposerTarget({ does, message, onCancel }: Props) {
  const { user } = useChat();
  const [title, cancel] = {
    edit: ["Editing your message", "Cancel the edit"],
    reply: ["Replying to ", "Cancel the reply"],
  }[does] as [string, string];
  return (
    <div class="target">
      <p>
        <strong>
          {title}
          {does === "reply" &&
            (message ? message.author.id === user.id ? "yourself" : <bdi>{message.author.name}</bdi> : "a message")}
        </strong>
        {message && (
          <span class="excerpt">
            <bdi>{preview(message)}</bdi>
          </span>
        )}
      </p>
      <button type="button" class="icon-button" aria-label={cancel} title={cancel} onClick={onCancel}>
        <CloseIcon />
      </button>
    </div>
  );
}
