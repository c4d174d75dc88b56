import type { ThreadEntry, ThreadSnapshot, ThreadView } from "hearth-client";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useChat } from "./context";
import { formatDay } from "./format";
import { useJump } from "./jump";
import { useLongPress } from "./long-press";
import type { MessageActions } from "./message-actions";
import { EmojiPicker, MessageMenu } from "./parts";
import { usePlaying } from "./playing";
import { readNames, useReaders } from "./receipts";
import { authorOf, Row, sameDay, sameGroup } from "./row";
import { useScrollPosition } from "./scroll-position";
import { useSeen } from "./seen";
import { useStore } from "./store";
import { ToEnd } from "./to-end";
import { messagesOfOthers, unreadMessages, useDivider } from "./unread";

interface Props {
  view: ThreadView;
  snapshot: ThreadSnapshot;
  /** The message that the user has found with a search, which is to be shown. */
  found: { seq: number } | undefined;
  actions: MessageActions;
  onOpen(entryKey: string, fileId: string): void;
  onRestore(entry: ThreadEntry): void;
}

/**
 * Shows the messages of a thread, with the newest at the bottom. Scrolling up loads older messages. Only the messages
 * around the visible ones are in the document.
 */
export function Timeline({ view, snapshot, found, actions, onOpen, onRestore }: Props) {
  const { user, deletions } = useChat();
  const deleting = useStore(deletions);
  const { entries, messages, hasOlder, loadingOlder, error, thread } = snapshot;
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const follows = useRef(true);
  const divider = useDivider(view, snapshot, user.id, scroller, follows);
  const loaded = divider !== undefined;
  const shown = useMemo(
    () => (loaded ? entries : entries.filter(({ message }) => message === null)),
    [loaded, entries],
  );
  const firstUnread = divider == null ? undefined : entries.find(({ message }) => (message?.seq ?? 0) > divider)?.key;
  const playing = usePlaying(list);
  const { atEnd, rows, above, below, goTo } = useScrollPosition({
    scroller,
    list,
    entries: shown,
    deleting,
    divider,
    firstUnread,
    atEnd: follows,
    kept: playing,
  });
  const jump = useJump(view, snapshot, goTo, actions.notify);
  useEffect(() => {
    if (found) jump(found.seq);
  }, [found]);
  const skipped = useSeen(view, scroller, snapshot, loaded);
  const [menu, setMenu] = useState<{ key: string; near: Element; picker?: boolean }>();
  const openMenu = useMemo(() => (key: string, near: Element) => setMenu({ key, near }), []);
  const hasMenu = ({ message }: ThreadEntry) => message && !message.deletedAt && !deleting.has(message.id);
  const withMenu = entries.find((entry) => entry.key === menu?.key && hasMenu(entry));
  const space = { paddingTop: `${above}px`, paddingBottom: `${below}px` };
  const rendered = shown.slice(rows.start, rows.end);
  const lastWithMenu = rendered.findLast(hasMenu);
  useLongPress(list, (item) => item.querySelector<HTMLElement>(".actions")?.click());
  const readers = useReaders(snapshot, user);
  const readBy = readNames(snapshot, user);
  const people = thread?.memberIds.length ?? 0;
  const { memberIds, memberNames } = thread ?? {};
  const members = useMemo(() => memberIds && memberNames && { memberIds, memberNames }, [memberIds, memberNames]);
  const [olderFailed, setOlderFailed] = useState(false);

  /** Scrolls, and moves the focus to the messages, because the button that was pressed disappears. */
  function leave(key?: string) {
    goTo(key);
    scroller.current?.focus({ preventScroll: true });
  }

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
        <ol role="list" ref={list} onKeyDown={moveFocus} style={space}>
          {rendered.map((entry, index) => {
            const before = shown[rows.start + index - 1];
            const after = shown[rows.start + index + 1];
            const newDay = !before || !sameDay(before, entry);
            return (
              <Row
                key={entry.key}
                day={newDay ? formatDay(entry.createdAt) : undefined}
                divider={entry.key === firstUnread ? newMessages(divider ?? 0) : undefined}
                view={view}
                entry={entry}
                members={members ?? null}
                named={people !== 2}
                mine={authorOf(entry, user.id) === user.id}
                first={newDay || entry.key === firstUnread || !sameGroup(before, entry, user.id)}
                last={!after || after.key === firstUnread || !sameGroup(entry, after, user.id)}
                deleting={deleting.has(entry.message?.id ?? "")}
                tabStop={hasMenu(entry) ? entry === lastWithMenu : null}
                readBy={people > 1 && entry.message?.author.id === user.id ? readBy(entry.message.seq) : null}
                readers={people === 2 ? undefined : readers.get(entry.message?.seq ?? 0)}
                actions={actions}
                onOpen={onOpen}
                onMenu={openMenu}
                onJump={jump}
                onRestore={onRestore}
              />
            );
          })}
        </ol>
      </section>
      <ToEnd
        atEnd={atEnd}
        skipped={skipped}
        unread={unreadMessages(snapshot, user.id)}
        onGo={(seq) => leave(entries.find(({ message }) => seq !== undefined && message?.seq === seq)?.key)}
        onRead={() => {
          view.markRead();
          scroller.current?.focus({ preventScroll: true });
        }}
      />
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

  function newMessages(divider: number): string {
    const { length } = messagesOfOthers(messages, divider, user.id);
    return length === 1 ? "1 new message" : `${length} new messages`;
  }
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
