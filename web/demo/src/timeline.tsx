import type { ThreadEntry, ThreadSnapshot, ThreadView } from "hearth-client";
import { Fragment } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Bubble } from "./bubble";
import { useChat } from "./context";
import { DownIcon } from "./icons";
import { dayOf } from "./time";

const AT_THE_END = 48; // px from it
const TOGETHER_MS = 5 * 60_000; // said by the same person within so long

interface Props {
  view: ThreadView;
  snapshot: ThreadSnapshot;
  onOpen(entryKey: string, fileId: string): void;
  onEdit(entry: ThreadEntry): void;
}

/** What was said, the newest at the bottom. Older messages are loaded as one scrolls up. */
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
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to scroll by keyboard, too */}
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
          {loaded && !hasOlder && entries.length > 0 && <p>This is where the conversation begins.</p>}
        </div>
        {!loaded && <p class="state">{error ? `${error.detail} Trying again …` : "Loading messages …"}</p>}
        {loaded && entries.length === 0 && <p class="state">Say hello!</p>}
        {/* biome-ignore lint/a11y/noRedundantRoles: without markers, Safari takes it for no list */}
        <ol role="list">
          {entries.map((entry, index) => {
            const before = entries[index - 1];
            const after = entries[index + 1];
            const newDay = !before || dayOf(before.createdAt) !== dayOf(entry.createdAt);
            return (
              <Fragment key={entry.key}>
                {newDay && (
                  <li class="day">
                    <span>{dayOf(entry.createdAt)}</span>
                  </li>
                )}
                <Bubble
                  view={view}
                  entry={entry}
                  mine={authorOf(entry, user.id) === user.id}
                  first={newDay || !together(before, entry, user.id)}
                  last={!after || !together(entry, after, user.id)}
                  onOpen={onOpen}
                  onEdit={onEdit}
                />
              </Fragment>
            );
          })}
        </ol>
      </section>
      {!atEnd && (
        <button type="button" class="to-end icon-button" aria-label="To the newest message" onClick={toEnd}>
          <DownIcon />
        </button>
      )}
    </div>
  );
}

/** Whoever is at the end stays there as messages come; whoever reads further up keeps the place. */
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
      before.current.atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < AT_THE_END;
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

function authorOf(entry: ThreadEntry, userId: string): string {
  return entry.message?.author.id ?? userId;
}

function together(one: ThreadEntry | undefined, next: ThreadEntry, userId: string): boolean {
  return (
    one !== undefined &&
    authorOf(one, userId) === authorOf(next, userId) &&
    Date.parse(next.createdAt) - Date.parse(one.createdAt) < TOGETHER_MS
  );
}
