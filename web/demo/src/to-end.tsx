import type { Message } from "hearth-client";
import { CheckIcon, DownIcon, UpIcon } from "./icons";

interface Props {
  atEnd: boolean;
  /** Whether unread messages are above the visible ones. */
  skipped: boolean;
  unread: readonly Message[];
  /** Goes to the message with this `seq`, or to the end. */
  onGo(seq?: number): void;
  /** Marks all messages as read. */
  onRead(): void;
}

/** Shows the buttons that lead to the newest message or to the first unread one, and how many are unread. */
export function ToEnd({ atEnd, skipped, unread, onGo, onRead }: Props) {
  const count = unread.length === 1 ? "1 new message" : `${unread.length} new messages`;
  const first = unread[0]?.seq;
  if (skipped && first !== undefined) {
    return (
      <div class="to-end">
        <button type="button" class="button" onClick={() => onGo(first)}>
          {count}
          <span class="hidden"> above</span>
          <UpIcon />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label="Mark all as read"
          title="Mark all as read"
          onClick={onRead}
        >
          <CheckIcon />
        </button>
      </div>
    );
  }
  if (atEnd) return null;
  if (first === undefined) {
    return (
      <div class="to-end">
        <button type="button" class="icon-button" aria-label="Go to the newest message" onClick={() => onGo()}>
          <DownIcon />
        </button>
      </div>
    );
  }
  return (
    <div class="to-end">
      <button type="button" class="button" onClick={() => onGo(first)}>
        {count}
        <span class="hidden"> below</span>
        <DownIcon />
      </button>
    </div>
  );
}
