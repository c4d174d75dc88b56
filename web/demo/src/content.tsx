import { FileTile, isPhoto } from "./attachment";
import type { BubbleProps } from "./bubble";
import { changeProgress } from "./changes";
import { useChat } from "./context";
import { isOnlyEmojis } from "./emoji";
import { formatFull } from "./format";
import { MessageText } from "./message-text";
import { Photos } from "./photos";
import { mediumOf, Player } from "./player";
import { Quote } from "./quote";

type Props = Pick<BubbleProps, "view" | "entry" | "onOpen" | "onJump">;

/** Shows what a message contains: its quote, photos, files and text. */
export function Content({ view, entry, onOpen, onJump }: Props) {
  const { user } = useChat();
  const { key, attachments, body, message, replyTo } = entry;
  const photos = attachments.filter(isPhoto);
  const files = attachments.filter((attachment) => !isPhoto(attachment));
  const editedAt = message?.editedAt;
  const saving = changeProgress(entry, "edit");
  const note = saving ? <Note text={saving} /> : editedAt ? <Note text="edited" time={editedAt} /> : null;
  return (
    <>
      {replyTo && <Quote quote={replyTo} mine={replyTo.author.id === user.id} onJump={onJump} />}
      {photos.length > 0 && <Photos photos={photos} view={view} onOpen={(fileId) => onOpen(key, fileId)} />}
      {files.map((file) => {
        const medium = mediumOf(file);
        return medium ? (
          <Player key={file.id} file={file} medium={medium} view={view} />
        ) : (
          <FileTile key={file.id} file={file} view={view} />
        );
      })}
      {body ? (
        <p class="bubble" dir="auto" data-large={isOnlyEmojis(body)}>
          <MessageText text={body} />
          {note}
        </p>
      ) : (
        note && <p class="meta">{note}</p>
      )}
    </>
  );
}

/**
 * Shows a short remark after the text of a message, such as "edited". `time` is the time of the edit, shown on hover.
 */
export function Note({ text, time }: { text: string; time?: string | undefined }) {
  return (
    <span class="note">
      {" "}
      {time ? (
        <time dateTime={time} title={formatFull(time)}>
          {text}
        </time>
      ) : (
        text
      )}
    </span>
  );
}
