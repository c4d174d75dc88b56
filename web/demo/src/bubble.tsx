import type { ThreadEntry, ThreadView } from "hearth-client";
import { FileTile, isPhoto, PhotoTile } from "./attachment";
import { Avatar } from "./avatar";
import { changeProgress, RefusedChanges } from "./changes";
import { type Members, useChat } from "./context";
import { errorText } from "./error-text";
import { formatFull, formatTime, formatUpcoming } from "./format";
import { MoreIcon } from "./icons";
import type { MessageActions } from "./message-actions";
import { MessageText } from "./message-text";
import { DELETED, nameOf } from "./preview";
import { Quote } from "./quote";
import { Reactions } from "./reactions";
import { ReadBy } from "./receipts";
import type { User } from "./session";
import { Undo } from "./undo";

export interface BubbleProps {
  view: ThreadView;
  entry: ThreadEntry;
  members: Members | null;
  mine: boolean;
  /** Whether this is the first message of a group: messages of one author with short pauses. */
  first: boolean;
  /** Whether this is the last message of its group. It shows the time. */
  last: boolean;
  /** Whether the user has just deleted the message, and can undo it. */
  deleting: boolean;
  /** Whether Tab stops at the button of the message's menu; null if the message has no menu. */
  tabStop: boolean | null;
  /** The other members who have read up to this message and not further. */
  readers: User[] | undefined;
  actions: MessageActions;
  /** Opens a photo of the message in full size. */
  onOpen(entryKey: string, fileId: string): void;
  /** Opens the message's menu beside the button. */
  onMenu(entryKey: string, button: Element): void;
  /** Goes to a quoted message. */
  onJump(seq: number): void;
  /** Moves a message that could not be sent into the composer again. */
  onRestore(entry: ThreadEntry): void;
}

/** Shows one message, which may be sent, being sent or failed. */
export function Bubble(props: BubbleProps) {
  const { view, entry, members, mine, first, last, deleting, tabStop, readers, actions, onMenu, onRestore } = props;
  const { user } = useChat();
  const { message } = entry;
  const author = message?.author;
  const deleted = message?.deletedAt !== undefined;
  const removing = changeProgress(entry, "remove");
  return (
    <li
      class="message"
      data-seq={message?.seq}
      data-mine={mine}
      data-first={first}
      data-last={last}
      data-state={entry.state}
      data-deleted={deleted || deleting}
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
        {deleting && message ? (
          <Undo message={message} />
        ) : deleted ? (
          <p class="bubble">
            {DELETED}
            {removing && <Note text={removing} />}
          </p>
        ) : (
          <Content {...props} />
        )}
        {message && message.reactions.length > 0 && !deleting && (
          <Reactions
            entry={entry}
            reactions={message.reactions}
            members={members}
            user={user}
            onReact={(emoji) => actions.react(message, emoji)}
          />
        )}
        <RefusedChanges view={view} entry={entry} onCopy={actions.copy} />
        <p class="meta">
          {entry.state === "sent" && last && (
            <time dateTime={entry.createdAt} title={formatFull(entry.createdAt)}>
              {formatTime(entry.createdAt)}
            </time>
          )}
          {entry.state === "sending" && progress(entry)}
          {entry.state === "failed" && <Failed view={view} entry={entry} onRestore={onRestore} />}
        </p>
        {message && tabStop !== null && (
          <button
            type="button"
            class="actions icon-button"
            aria-label={`Actions for ${nameOf(message, mine)}`}
            aria-haspopup="menu"
            title="React, reply and more"
            tabIndex={tabStop ? 0 : -1}
            onClick={(event) => onMenu(entry.key, event.currentTarget)}
          >
            <MoreIcon />
          </button>
        )}
      </div>
      {readers && <ReadBy readers={readers} />}
    </li>
  );
}

/** Shows what a message contains: its quote, photos, files and text. */
function Content({ view, entry, onOpen, onJump }: BubbleProps) {
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
      {photos.length > 0 && (
        <div class="photos" data-count={Math.min(photos.length, 3)}>
          {photos.map((photo) => (
            <PhotoTile key={photo.id} photo={photo} view={view} onOpen={() => onOpen(key, photo.id)} />
          ))}
        </div>
      )}
      {files.map((file) => (
        <FileTile key={file.id} file={file} view={view} />
      ))}
      {body ? (
        <p class="bubble" dir="auto">
          <MessageText text={body} />
          {note}
        </p>
      ) : (
        note && <p class="meta">{note}</p>
      )}
    </>
  );
}

/** Shows a note behind the text of a message. `time` is when it happened. */
function Note({ text, time }: { text: string; time?: string | undefined }) {
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

function progress({ nextTryAt, error }: ThreadEntry): string {
  if (nextTryAt !== null)
    return `You have sent many messages in a short time. This one is sent ${formatUpcoming(nextTryAt)}.`;
  return error ? "Not sent yet, trying again …" : "Sending …";
}

function Failed({ view, entry, onRestore }: Pick<BubbleProps, "view" | "entry" | "onRestore">) {
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
      <button type="button" class="link-button" onClick={() => onRestore(entry)}>
        Edit
      </button>{" "}
      <button type="button" class="link-button" onClick={discard}>
        Discard
      </button>
    </span>
  );
}
