import { type SearchResult, searchMessages, type ThreadSnapshot, type ThreadView } from "hearth-client";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useChat } from "./context";
import { Dialog } from "./dialog";
import { formatDate, formatTime } from "./format";
import { preview } from "./preview";
import "./styles/search.css";

/** At most this many results are shown, the newest first. */
const MAX_RESULTS = 50;

/** A search loads older messages until this many messages are loaded. To search more, the user must ask for it. */
const STEP = 1000;

/** Older messages are loaded only after the user has not typed for this time, in milliseconds. */
const PAUSE_MS = 300;

/** The text of a result begins this many characters before the first word that was found. */
const CONTEXT_CHARS = 40;

interface Props {
  view: ThreadView;
  snapshot: ThreadSnapshot;
  /** Goes to the message with this `seq`. */
  onGo(seq: number): void;
  onClose(): void;
}

/**
 * Searches the messages of the open thread. Loads older messages until 50 results are found or 1,000 messages are
 * loaded.
 */
export function Search({ view, snapshot, onGo, onClose }: Props) {
  const { messages, hasOlder, loadingOlder } = snapshot;
  const [query, setQuery] = useState("");
  const [bound, setBound] = useState(STEP);
  const [failed, setFailed] = useState(false);
  const list = useRef<HTMLUListElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const results = useMemo(() => searchMessages([view], query, MAX_RESULTS), [view, messages, query]);
  const asks = query.trim() !== "";
  const enough = results.length >= MAX_RESULTS || messages.length >= bound;
  const goesOn = asks && hasOlder && !enough && !failed;

  useEffect(() => {
    if (!goesOn || loadingOlder) return;
    const timer = setTimeout(() => view.loadOlder().catch(() => setFailed(true)), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [goesOn, loadingOlder, query]);

  function searchOlder() {
    setFailed(false);
    setBound(messages.length + STEP);
  }

  function moveFocus(event: KeyboardEvent) {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const stops = [input.current, ...(list.current?.querySelectorAll("button") ?? [])];
    stops[stops.indexOf(document.activeElement as HTMLInputElement) + step]?.focus();
  }

  return (
    <Dialog class="form-dialog search" label="Search this conversation" onClose={onClose} onKeyDown={moveFocus}>
      <div class="content">
        <h2>Search this conversation</h2>
        <div class="field">
          <input
            ref={input}
            type="search"
            dir="auto"
            value={query}
            aria-label="Words to search for"
            placeholder="Words, or the name of a file"
            autocomplete="off"
            onInput={(event) => setQuery(event.currentTarget.value)}
          />
        </div>
        {/* biome-ignore lint/a11y/noRedundantRoles: Safari does not announce a list without markers as a list */}
        <ul role="list" aria-label="Messages found" ref={list}>
          {results.map((result) => (
            <li key={result.message.seq}>
              <Result result={result} onGo={onGo} />
            </li>
          ))}
        </ul>
        <p class="hint" role="status">
          {asks && summary(results.length, goesOn, hasOlder ? messages[0]?.createdAt : undefined)}
        </p>
        {failed && (
          <p class="error" role="alert">
            Older messages could not be loaded.{" "}
            <button type="button" class="link-button" onClick={searchOlder}>
              Try again
            </button>
          </p>
        )}
        <div class="actions">
          {asks && hasOlder && !goesOn && !failed && results.length < MAX_RESULTS && (
            <button type="button" class="button quiet" onClick={searchOlder}>
              Search older messages
            </button>
          )}
          <button type="button" class="button" onClick={onClose}>
            Close
          </button>
        </div>
      </div>
    </Dialog>
  );
}

function Result({ result: { message, ranges }, onGo }: { result: SearchResult; onGo(seq: number): void }) {
  const { user } = useChat();
  const { seq, author, createdAt } = message;
  return (
    <button type="button" onClick={() => onGo(seq)}>
      <strong>{author.id === user.id ? "You" : <bdi>{author.name}</bdi>}</strong>
      <time dateTime={createdAt}>
        {formatDate(createdAt)}, {formatTime(createdAt)}
      </time>
      <span class="excerpt" dir="auto">
        {message.body === "" ? preview(message) : excerpt(message.body, ranges)}
      </span>
    </button>
  );
}

/** Returns the text around the first match, with all matches marked. `ranges` are the positions of the matches. */
function excerpt(body: string, ranges: SearchResult["ranges"]) {
  const start = Math.max(0, (ranges[0]?.[0] ?? 0) - CONTEXT_CHARS);
  let end = start;
  const parts = ranges.map(([from, to]) => {
    const before = body.slice(end, from);
    end = to;
    return (
      <>
        {before}
        <b>{body.slice(from, to)}</b>
      </>
    );
  });
  return (
    <>
      {start > 0 && "… "}
      {parts}
      {body.slice(end, end + 200)}
    </>
  );
}

/** Tells how many messages were found. `since` is the time of the oldest message searched, if there are older ones. */
function summary(found: number, goesOn: boolean, since: string | undefined): string {
  if (goesOn) return "Searching …";
  const count = found === 0 ? "Nothing found" : found === 1 ? "1 message found" : `${found} messages found`;
  if (found >= MAX_RESULTS) return `The newest ${found} messages with these words.`;
  return since ? `${count} since ${formatDate(since)}.` : `${count}.`;
}
