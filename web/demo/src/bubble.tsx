import type { ThreadEntry, ThreadView } from "hearth-client";
import { Avatar } from "./avatar";
import { changeProgress, RefusedChanges } from "./changes";
import { Content, Note } from "./content";
import { type Members, useChat } from "./context";
import { canRetry, errorText } from "./error-text";
import { MoreIcon } from "./icons";
import type { MessageActions } from "./message-actions";
import { DELETED, nameOf } from "./preview";
import { Reactions } from "./reactions";
import { ReadBy } from "./receipts";
import { Sending } from "./sending";
import type { User } from "./session";
import { Stamp } from "./stamp";
import { Undo } from "./undo";

export interface BubbleProps {
  view: ThreadView;
  entry: ThreadEntry;
  members: Members | null;
  mine: boolean;
  /** Whether the author's name is shown. In a thread of two members, it is not shown. */
  named: boolean;
  /**
   * Whether this is the first message of a group. The messages of a group have one author and short pauses in between.
   */
  first: boolean;
  /**
   * Whether this is the last message of its group. Only the last one always shows its time; the others show it on
   * hover.
   */
  last: boolean;
  /** Whether the user has just deleted the message, and can undo it. */
  deleting: boolean;
  /** Whether Tab stops at the button of the message's menu; null if the message has no menu. */
  tabStop: boolean | null;
  /**
   * The names of the other members who have read the user's own message; "" if nobody has. Null if the page does not
   * tell this: for messages of others, and in a thread without other members.
   */
  readBy: string | null;
  /**
   * The other members who have read up to this message and not further. Undefined if there are none, or if the thread
   * has two members: there, the mark of `readBy` is enough.
   */
  readers: User[] | undefined;
  actions: MessageActions;
  /** Opens a photo of the message in full size. */
  onOpen(entryKey: string, fileId: string): void;
  /** Opens the message's menu beside the button. */
  onMenu(entryKey: string, button: Element): void;
  /** Goes to a quoted message. */
  onJump(seq: number): void;
  /** Removes a message that could not be sent, and puts its content into the composer. */
  onRestore(entry: ThreadEntry): void;
}

/** Shows one message, which may be sent, being sent or failed. */
export function Bubble(props: BubbleProps) {
  const {
    view,
    entry,
    members,
    mine,
    named,
    first,
    last,
    deleting,
    tabStop,
    readBy,
    readers,
    actions,
    onMenu,
    onRestore,
  } = props;
  const { user } = useChat();
  const { message } = entry;
  const author = message?.author;
  const deleted = message?.deletedAt !== undefined;
  const removing = changeProgress(entry, "remove");
  return (
    <li
      class="message"
      data-key={entry.key}
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
          <span class={first && named ? "author" : "hidden"}>
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
          {entry.state === "sent" && last && <Stamp time={entry.createdAt} readBy={readBy} aside={false} />}
          {entry.state === "sending" && <Sending view={view} entry={entry} actions={actions} />}
          {entry.state === "failed" && <Failed view={view} entry={entry} onRestore={onRestore} />}
        </p>
        {entry.state === "sent" && !last && <Stamp time={entry.createdAt} readBy={readBy} aside />}
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

function Failed({ view, entry, onRestore }: Pick<BubbleProps, "view" | "entry" | "onRestore">) {
  const { previews } = useChat();
  function discard() {
    if (!view.discard(entry.key)) return;
    for (const { id } of entry.attachments) previews.forget(id);
  }
  return (
    <span class="failed" role="alert">
      Not sent{entry.error ? `: ${errorText(entry.error)}` : "."}{" "}
      {canRetry(entry.error) && (
        <button type="button" class="link-button" onClick={() => view.retry(entry.key)}>
          Try again
        </button>
      )}{" "}
      <button type="button" class="link-button" onClick={() => onRestore(entry)}>
        Edit
      </button>{" "}
      <button type="button" class="link-button" onClick={discard}>
        Discard
      </button>
    </span>
  );
}
