import type { ThreadSummary } from "hearth-client";
import { useState } from "preact/hooks";
import { Avatar, Avatars } from "./avatar";
import { Connection } from "./connection";
import { otherMembers, useChat } from "./context";
import { formatFull, formatListTime } from "./format";
import { LeaveIcon, WriteIcon } from "./icons";
import { ThreadTitle } from "./names";
import { preview } from "./preview";
import { unreadCount } from "./read-marks";
import { linkTo } from "./router";
import { useStore } from "./store";

interface Props {
  threadId: string | undefined;
  onNew(): void;
  onSignOut(): void;
}

export function Sidebar({ threadId, onNew, onSignOut }: Props) {
  const { list, user } = useChat();
  const { threads, loaded, loading, hasMore, error } = useStore(list);
  return (
    // While no conversation is open, the list of conversations is the page's main content.
    <section class="sidebar" role={threadId ? "navigation" : "main"} aria-label="Conversations">
      <header>
        <img src="./favicon.svg" alt="" width="36" height="36" />
        <div class="brand">
          <h1>Hearth</h1>
          <Connection />
        </div>
        <button
          type="button"
          class="icon-button primary"
          aria-label="New conversation"
          title="New conversation"
          onClick={onNew}
        >
          <WriteIcon />
        </button>
      </header>
      {/* Errors that are retried, such as a missing network, are shown by the connection state. */}
      {error && !error.retryable && (
        <p class="error" role="alert">
          {error.detail}
        </p>
      )}
      {loaded && threads.length === 0 ? (
        <p class="empty">
          No conversations yet.{" "}
          <button type="button" class="link-button" onClick={onNew}>
            Start one
          </button>
        </p>
      ) : (
        // biome-ignore lint/a11y/noRedundantRoles: Safari does not announce a list without markers as a list
        <ul role="list" class="threads" onKeyDown={moveFocus}>
          {threads.map((thread) => (
            <ThreadItem key={thread.id} thread={thread} open={thread.id === threadId} />
          ))}
          {hasMore && (
            <li class="more">
              <button
                type="button"
                class="button quiet"
                disabled={loading}
                onClick={() => list.loadMore().catch(() => {})} // the store has the error, and it is shown above
              >
                Show more
              </button>
            </li>
          )}
        </ul>
      )}
      <footer>
        <Avatar id={user.id} name={user.name} />
        <div class="me">
          <strong>
            <bdi>{user.name}</bdi>
          </strong>
          <CopyId id={user.id} />
        </div>
        <button type="button" class="icon-button" aria-label="Sign out" title="Sign out" onClick={onSignOut}>
          <LeaveIcon />
        </button>
      </footer>
    </section>
  );
}

function ThreadItem({ thread, open }: { thread: ThreadSummary; open: boolean }) {
  const { marks, user } = useChat();
  const unread = unreadCount(thread, useStore(marks), user.id);
  const { lastMessage } = thread;
  const people = otherMembers(thread, user);
  const when = lastMessage?.createdAt ?? thread.updatedAt;
  return (
    <li>
      <a
        href={linkTo(thread.id)}
        id={`item-${thread.id}`}
        aria-current={open ? "page" : undefined}
        data-unread={unread > 0}
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
        {unread > 0 && (
          <span class="unread">
            {unread > 99 ? "99+" : unread}
            <span class="hidden"> unread</span>
          </span>
        )}
      </a>
    </li>
  );
}

/** A button that copies the user's ID. Other people need the ID to start a conversation with the user. */
function CopyId({ id }: { id: string }) {
  const [copied, setCopied] = useState(false);
  async function copy() {
    await navigator.clipboard.writeText(id);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  }
  return (
    <button type="button" class="id" title="Copy your ID" onClick={copy}>
      <span role="status">
        {copied ? (
          "Copied"
        ) : (
          <>
            Your ID: <bdi>{id}</bdi>
          </>
        )}
      </span>
    </button>
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
