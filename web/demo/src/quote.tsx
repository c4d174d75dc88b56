import type { Quote as QuotedMessage } from "hearth-client";
import { DELETED } from "./preview";

interface Props {
  quote: QuotedMessage;
  /** Whether the user wrote the quoted message. */
  mine: boolean;
  onJump(seq: number): void;
}

/** Shows the message that a reply quotes. A click scrolls to this message. */
export function Quote({ quote: { seq, author, excerpt, deleted }, mine, onJump }: Props) {
  return (
    <button type="button" class="quote" onClick={() => onJump(seq)}>
      <span class="hidden">In reply to </span>
      <strong>{mine ? "You" : <bdi>{author.name}</bdi>}</strong>
      <span class="hidden">: </span>
      <span class="excerpt" dir="auto" data-deleted={deleted}>
        {deleted ? DELETED : excerpt || "Photo or file"}
      </span>
    </button>
  );
}
