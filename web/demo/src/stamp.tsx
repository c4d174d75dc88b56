import { formatFull, formatTime } from "./format";
import { CheckIcon, ReadIcon } from "./icons";

interface Props {
  /** When the message was sent. */
  time: string;
  /** The names of the members who have read the user's own message; "" if nobody has. Null shows no mark. */
  readBy: string | null;
  /**
   * Whether the stamp is shown beside the message, and only while the mouse or the focus is on the message. Otherwise,
   * it is always shown, below the message.
   */
  aside: boolean;
}

/** Shows when a message was sent and, if it is the user's own, whether somebody has read it. */
export function Stamp({ time, readBy, aside }: Props) {
  return (
    <span class="stamp" data-aside={aside}>
      <time dateTime={time} title={formatFull(time)}>
        {formatTime(time)}
      </time>
      {readBy !== null && (
        <span class="mark" data-read={readBy !== ""} title={readBy ? `Read by ${readBy}` : "Sent"}>
          {readBy ? <ReadIcon /> : <CheckIcon />}
          <span class="hidden">{readBy ? "read" : "sent"}</span>
        </span>
      )}
    </span>
  );
}
