import type { ThreadEntry, ThreadView } from "hearth-client";
import { FileTile, isPhoto, PhotoTile } from "./attachment";
import { Avatar } from "./avatar";
import { useChat } from "./context";
import { errorText } from "./error-text";
import { formatFull, formatTime, formatUpcoming } from "./format";
import { ReadBy } from "./receipts";
import type { User } from "./session";

interface Props {
  view: ThreadView;
  entry: ThreadEntry;
  mine: boolean;
  /** Whether this is the first message of a group: messages of one author with short pauses. */
  first: boolean;
  /** Whether this is the last message of its group. It shows the time. */
  last: boolean;
  /** The other members who have read up to this message and not further. */
  readers: User[] | undefined;
  /** Opens a photo of the message in full size. */
  onOpen(entryKey: string, fileId: string): void;
  /** Moves a message that could not be sent into the composer again. */
  onEdit(entry: ThreadEntry): void;
}

/** Shows one message, which may be sent, being sent or failed. */
export function Bubble({ view, entry, mine, first, last, readers, onOpen, onEdit }: Props) {
  const photos = entry.attachments.filter(isPhoto);
  const files = entry.attachments.filter((attachment) => !isPhoto(attachment));
  const author = entry.message?.author;
  return (
    <li
      class="message"
      data-seq={entry.message?.seq}
      data-mine={mine}
      data-first={first}
      data-last={last}
      data-state={entry.state}
    >
      {!mine && author && last && <Avatar {...author} />}
      <div class="body">
        {mine ? (
          <span class="hidden">You: </span>
        ) : (
          <span class={first ? "author" : "hidden"}>
            <bdi>{author?.name}</bdi>
          </span>
        )}
        {photos.length > 0 && (
          <div class="photos" data-count={Math.min(photos.length, 3)}>
            {photos.map((photo) => (
              <PhotoTile key={photo.id} photo={photo} view={view} onOpen={() => onOpen(entry.key, photo.id)} />
            ))}
          </div>
        )}
        {files.map((file) => (
          <FileTile key={file.id} file={file} view={view} />
        ))}
        {entry.body && (
          <p class="bubble" dir="auto">
            {entry.body}
          </p>
        )}
        <p class="meta">
          {entry.state === "sent" && last && (
            <time dateTime={entry.createdAt} title={formatFull(entry.createdAt)}>
              {formatTime(entry.createdAt)}
            </time>
          )}
          {entry.state === "sending" && progress(entry)}
          {entry.state === "failed" && <Failed view={view} entry={entry} onEdit={onEdit} />}
        </p>
      </div>
      {readers && <ReadBy readers={readers} />}
    </li>
  );
}

function progress({ nextTryAt, error }: ThreadEntry): string {
  if (nextTryAt !== null)
    return `You have sent many messages in a short time. This one is sent ${formatUpcoming(nextTryAt)}.`;
  return error ? "Not sent yet, trying again …" : "Sending …";
}

function Failed({ view, entry, onEdit }: Pick<Props, "view" | "entry" | "onEdit">) {
  const { previews } = useChat();
  function discard() {
    if (!view.discard(entry.key)) return;
    for (const { id } of entry.attachments) previews.forget(id);
  }
  return (
    <span class="failed" role="alert">
      Not sent{entry.error ? `: ${errorText(entry.error)}` : "."}{" "}
      <button type="button" class="link-button" onClick={() => view.retry(entry.key)}>
        Try again
      </button>{" "}
      <button type="button" class="link-button" onClick={() => onEdit(entry)}>
        Edit
      </button>{" "}
      <button type="button" class="link-button" onClick={discard}>
        Discard
      </button>
    </span>
  );
}
