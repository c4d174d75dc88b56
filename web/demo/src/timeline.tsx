import type { ThreadEntry, ThreadSnapshot, ThreadView } from "hearth-client";
import { Fragment } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Bubble } from "./bubble";
import { useChat } from "./context";
import { formatDay } from "./format";
import { DownIcon } from "./icons";

/** The timeline counts as scrolled to the end if at most this many pixels are below the visible part. */
const END_DISTANCE_PX = 48;

/** Messages of one author form a group if each was sent less than this time after the previous one. */
const GROUP_PAUSE_MS = 5 * 60_000;

interface Props {
  view: ThreadView;
  snapshot: ThreadSnapshot;
  onOpen(entryKey: string, fileId: string): void;
  onEdit(entry: ThreadEntry): void;
}

/** Shows the messages of a thread, with the newest at the bottom. Scrolling up loads older messages. */
export function Timeline({ view, snapshot, onOpen, onEdit }: Props) {
  const { user } = useChat();
  const { entries, loaded, hasOlder, loadingOlder, error } = snapshot;
  const scroller = useRef<HTMLDivElement>(null);
  const { atEnd, toEnd } = useScrollPosition(scroller, entries);
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
        <ol role="list">
          {entries.map((entry, index) => {
            const before = entries[index - 1];
            const after = entries[index + 1];
            const newDay = !before || formatDay(before.createdAt) !== formatDay(entry.createdAt);
            return (
              <Fragment key={entry.key}>
                {newDay && (
                  <li class="day">
                    <span>{formatDay(entry.createdAt)}</span>
                  </li>
                )}
                <Bubble
                  view={view}
                  entry={entry}
                  mine={authorOf(entry, user.id) === user.id}
                  first={newDay || !sameGroup(before, entry, user.id)}
                  last={!after || !sameGroup(entry, after, user.id)}
                  onOpen={onOpen}
                  onEdit={onEdit}
                />
              </Fragment>
            );
          })}
        </ol>
      </section>
      {!atEnd && (
        <button type="button" class="to-end icon-button" aria-label="Go to the newest message" onClick={toEnd}>
          <DownIcon />
        </button>
      )}
    </div>
  );
}

/**
 * Keeps the scroll position when messages are added. If the timeline is scrolled to the end, it follows new messages.
 * Otherwise, the visible messages stay where they are.
 */
function useScrollPosition(scroller: { current: HTMLDivElement | null }, entries: readonly ThreadEntry[]) {
  const [atEnd, setAtEnd] = useState(true);
  const before = useRef({ atEnd: true, height: 0, first: "", last: "" });

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const was = before.current;
    const first = entries[0]?.key ?? "";
    const last = entries.at(-1);
    const sent = last && last.key !== was.last && last.message === null;
    if (was.atEnd || sent) element.scrollTop = element.scrollHeight;
    else if (first !== was.first) element.scrollTop += element.scrollHeight - was.height;
    before.current = { ...was, height: element.scrollHeight, first, last: last?.key ?? "" };
  }, [entries]);

  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const update = () => {
      before.current.atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < END_DISTANCE_PX;
      setAtEnd(before.current.atEnd);
    };
    const resized = new ResizeObserver(() => {
      if (before.current.atEnd) element.scrollTop = element.scrollHeight;
    });
    element.addEventListener("scroll", update, { passive: true });
    resized.observe(element);
    return () => {
      element.removeEventListener("scroll", update);
      resized.disconnect();
    };
  }, []);

  const toEnd = () => {
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
    scroller.current?.scrollTo({ top: scroller.current.scrollHeight, behavior });
  };
  return { atEnd, toEnd };
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
