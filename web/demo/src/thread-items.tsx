import type { ThreadList, ThreadSummary } from "hearth-client";
import type { ComponentChildren } from "preact";
import { Avatars } from "./avatar";
import { otherMembers, useChat } from "./context";
import { formatFull, formatListTime } from "./format";
import { MutedIcon } from "./icons";
import { isMuted } from "./mute";
import { ThreadTitle } from "./names";
import { preview } from "./preview";
import { linkTo } from "./router";
import { useStore } from "./store";

interface Props {
  list: ThreadList;
  /** ID of the open thread. */
  threadId: string | undefined;
  /** Shown if the list is empty. */
  children: ComponentChildren;
}

/** Shows the conversations of a list, most recently active first. */
export function ThreadItems({ list, threadId, children }: Props) {
  const { threads, loaded, loading, hasMore, error } = useStore(list);
  return (
    <>
      {/* If an error is retried, such as a missing network, the bar above the page shows the connection's state. */}
      {error && !error.retryable && (
        <p class="error" role="alert">
          {error.detail}
        </p>
      )}
      {loaded && threads.length === 0 ? (
        <div class="empty">{children}</div>
      ) : (
        // biome-ignore lint/a11y/noRedundantRoles: Safari does not announce a list without markers as a list
        <ul role="list" class="threads" onKeyDown={moveFocus}>
          {threads.map((thread) => (
            <ThreadItem key={thread.id} thread={thread} open={thread.id === threadId} />
          ))}
          {loaded && hasMore && (
            <li class="more">
              <button type="button" class="button quiet" disabled={loading} onClick={() => list.loadMore()}>
                Show more
              </button>
            </li>
          )}
        </ul>
      )}
    </>
  );
}

function ThreadItem({ thread, open }: { thread: ThreadSummary; open: boolean }) {
  const { user } = useChat();
  const { lastMessage, unreadCount } = thread;
  const people = otherMembers(thread, user);
  const when = lastMessage?.createdAt ?? thread.updatedAt;
  const muted = isMuted(thread);
  return (
    <li>
      <a
        href={linkTo(thread.id)}
        id={`item-${thread.id}`}
        aria-current={open ? "page" : undefined}
        data-unread={unreadCount > 0}
        data-muted={muted}
      >
        <Avatars people={people.length > 0 ? people : [user]} />
        <span class="title">
          <ThreadTitle thread={thread} user={user} />
        </span>
        <time dateTime={when} title={formatFull(when)}>
          {formatListTime(when)}
        </time>
        <span class="last">
          {lastMessage?.author.id === user.id && "You: "}
          {lastMessage && lastMessage.author.id !== user.id && people.length > 1 && (
            <>
              <bdi>{lastMessage.author.name}</bdi>:{" "}
            </>
          )}
          <bdi>{preview(lastMessage)}</bdi>
        </span>
        {(muted || unreadCount > 0) && (
          <span class="marks">
            {muted && (
              <span class="muted">
                <MutedIcon />
                <span class="hidden">muted</span>
              </span>
            )}
            {unreadCount > 0 && (
              <span class="unread">
                {unreadCount > 99 ? "99+" : unreadCount}
                <span class="hidden"> unread</span>
              </span>
            )}
          </span>
        )}
      </a>
    </li>
  );
}

/** Moves the focus through the list of conversations with the arrow keys. */
function moveFocus(event: KeyboardEvent) {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (step === 0) return;
  const links = [...(event.currentTarget as HTMLElement).querySelectorAll("a")];
  const next = links[links.indexOf(document.activeElement as HTMLAnchorElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
