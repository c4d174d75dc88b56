import type { ThreadEntry, ThreadSnapshot, ThreadView } from "hearth-client";
import { Fragment } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Bubble } from "./bubble";
import { useChat } from "./context";
import { formatDay } from "./format";
import { DownIcon } from "./icons";
import { useJump } from "./jump";
import { useLongPress } from "./long-press";
import type { MessageActions } from "./message-actions";
import { EmojiPicker, MessageMenu } from "./parts";
import { readersBySeq } from "./receipts";
import { DIVIDER_ID, useScrollPosition } from "./scroll-position";
import { useStore } from "./store";
import { markSeen, unreadMessages, useDivider } from "./unread";

/** Messages of one author form a group if each was sent less than this time after the previous one. */
const GROUP_PAUSE_MS = 5 * 60_000;

interface Props {
  view: ThreadView;
  snapshot: ThreadSnapshot;
  actions: MessageActions;
  onOpen(entryKey: string, fileId: string): void;
  onRestore(entry: ThreadEntry): void;
}

/** Shows the messages of a thread, with the newest at the bottom. Scrolling up loads older messages. */
export function Timeline({ view, snapshot, actions, onOpen, onRestore }: Props) {
  const { user, deletions } = useChat();
  const deleting = useStore(deletions);
  const { entries, hasOlder, loadingOlder, error } = snapshot;
  const scroller = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const divider = useDivider(view, snapshot, user.id, scroller, follows);
  const loaded = divider !== undefined;
  const shown = loaded ? entries : entries.filter(({ message }) => message === null);
  const { atEnd, scrollTo } = useScrollPosition(scroller, shown, deleting, divider, follows);
  const jump = useJump(view, snapshot, scroller, actions.notify);
  const list = useRef<HTMLOListElement>(null);
  const [menu, setMenu] = useState<{ key: string; near: Element; picker?: boolean }>();
  const hasMenu = ({ message }: ThreadEntry) => message && !message.deletedAt && !deleting.has(message.id);
  const withMenu = entries.find((entry) => entry.key === menu?.key && hasMenu(entry));
  const lastWithMenu = shown.findLast(hasMenu);
  useLongPress(list, (item) => item.querySelector<HTMLElement>(".actions")?.click());
  const unread = unreadMessages(snapshot, user.id);
  const firstUnread = divider == null ? undefined : entries.find(({ message }) => (message?.seq ?? 0) > divider)?.key;
  const readers = readersBySeq(snapshot, user);
  const [olderFailed, setOlderFailed] = useState(false);

  function loadOlder() {
    setOlderFailed(false);
    view.loadOlder().catch(() => setOlderFailed(true));
  }

  const top = useRef<HTMLDivElement>(null);
  const mayLoad = loaded && hasOlder && !loadingOlder && !olderFailed;
  useEffect(() => {
    if (!mayLoad || !top.current) return;
    const observer = new IntersectionObserver(([seen]) => seen?.isIntersecting && loadOlder(), {
      root: scroller.current,
      rootMargin: "600px 0px 0px",
    });
    observer.observe(top.current);
    return () => observer.disconnect();
  }, [mayLoad]);

  useEffect(() => {
    const element = scroller.current;
    if (!element || !loaded) return;
    const mark = () => markSeen(view, element);
    element.addEventListener("scroll", mark, { passive: true });
    document.addEventListener("visibilitychange", mark);
    // It also calls `mark` once at the beginning, in the next frame. Before that, the scroll position may still change.
    const resized = new ResizeObserver(mark);
    resized.observe(element);
    return () => {
      element.removeEventListener("scroll", mark);
      document.removeEventListener("visibilitychange", mark);
      resized.disconnect();
    };
  }, [view, entries, loaded]);

  return (
    <div class="timeline">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable area must also scroll by keyboard */}
      <section class="scroller" ref={scroller} aria-label="Messages" aria-busy={!loaded} tabIndex={0}>
        <div class="top" ref={top}>
          {loadingOlder && <p>Loading older messages …</p>}
          {olderFailed && (
            <p>
              Older messages could not be loaded.{" "}
              <button type="button" class="link-button" onClick={loadOlder}>
                Try again
              </button>
            </p>
          )}
          {loaded && !hasOlder && entries.length > 0 && <p>This is the beginning of the conversation.</p>}
        </div>
        {!loaded && <p class="state">{error ? `${error.detail} Trying again …` : "Loading messages …"}</p>}
        {loaded && entries.length === 0 && <p class="state">No messages yet. Say hello!</p>}
        {/* biome-ignore lint/a11y/noRedundantRoles: Safari does not announce a list without markers as a list */}
        <ol role="list" ref={list} onKeyDown={moveFocus}>
          {shown.map((entry, index) => {
            const before = shown[index - 1];
            const after = shown[index + 1];
            const newDay = !before || formatDay(before.createdAt) !== formatDay(entry.createdAt);
            return (
              <Fragment key={entry.key}>
                {newDay && (
                  <li class="day">
                    <span>{formatDay(entry.createdAt)}</span>
                  </li>
                )}
                {entry.key === firstUnread && (
                  <li class="new" id={DIVIDER_ID}>
                    <span>New messages</span>
                  </li>
                )}
                <Bubble
                  view={view}
                  entry={entry}
                  members={snapshot.thread}
                  mine={authorOf(entry, user.id) === user.id}
                  first={newDay || entry.key === firstUnread || !sameGroup(before, entry, user.id)}
                  last={!after || after.key === firstUnread || !sameGroup(entry, after, user.id)}
                  deleting={deleting.has(entry.message?.id ?? "")}
                  tabStop={hasMenu(entry) ? entry === lastWithMenu : null}
                  readers={readers.get(entry.message?.seq ?? 0)}
                  actions={actions}
                  onOpen={onOpen}
                  onMenu={(key, near) => setMenu({ key, near })}
                  onJump={jump}
                  onRestore={onRestore}
                />
              </Fragment>
            );
          })}
        </ol>
      </section>
      {!atEnd && unread.length === 0 && (
        <button
          type="button"
          class="to-end icon-button"
          aria-label="Go to the newest message"
          onClick={() => scrollTo()}
        >
          <DownIcon />
        </button>
      )}
      {!atEnd && unread.length > 0 && (
        <button type="button" class="to-end button" onClick={() => scrollTo(unread[0]?.seq)}>
          {unread.length === 1 ? "1 new message" : `${unread.length} new messages`}
          <span class="hidden"> below</span>
          <DownIcon />
        </button>
      )}
      {menu && withMenu?.message && !menu.picker && (
        <MessageMenu
          message={withMenu.message}
          members={snapshot.thread}
          near={menu.near}
          actions={actions}
          onMore={() => setMenu({ ...menu, picker: true })}
          onClose={() => setMenu(undefined)}
        />
      )}
      {menu?.picker && withMenu?.message && (
        <EmojiPicker message={withMenu.message} onReact={actions.react} onClose={() => setMenu(undefined)} />
      )}
    </div>
  );
}

/** Moves the focus with the arrow keys from the button of a message's menu to that of the previous or next message. */
function moveFocus(event: KeyboardEvent): void {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  const buttons = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>(".actions")];
  const index = buttons.indexOf(event.target as HTMLElement);
  if (step === 0 || index < 0) return;
  event.preventDefault();
  buttons[index + step]?.focus();
}

/** Returns the ID of an entry's author. An entry that is not sent yet is the user's own. */
function authorOf(entry: ThreadEntry, userId: string): string {
  return entry.message?.author.id ?? userId;
}

function sameGroup(entry: ThreadEntry | undefined, next: ThreadEntry, userId: string): boolean {
  return (
    entry !== undefined &&
    authorOf(entry, userId) === authorOf(next, userId) &&
    Date.parse(next.createdAt) - Date.parse(entry.createdAt) < GROUP_PAUSE_MS
  );
}
