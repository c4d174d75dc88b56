import { useEffect, useRef, useState } from "preact/hooks";
import { Arrivals } from "./arrivals";
import { Avatars } from "./avatar";
import { otherMembers, useChat } from "./context";
import { CloseIcon } from "./icons";
import { ThreadTitle } from "./names";
import { preview } from "./preview";
import { linkTo } from "./router";
import { playSound, unlockSound } from "./sound";
import { useStore } from "./store";
import { pageIsVisible } from "./unread";
import "./styles/incoming.css";

/** How long a notice is shown, in milliseconds. It stays while the pointer or the focus is on it. */
const SHOWN_MS = 8_000;

/**
 * Shows a notice of the latest new message in a thread that is not open, and plays a sound. Both happen only while the
 * page is visible; then the service worker makes the system's notification silent. If no thread is open, there is no
 * notice, because the page shows the list of threads, which has the message. The notice is not a live region: the
 * announcer tells screen readers about new messages.
 */
export function Incoming({ threadId }: { threadId: string | undefined }) {
  const { list, user } = useChat();
  const { threads, loaded } = useStore(list);
  const [arrivals] = useState(() => new Arrivals(user.id));
  const [latest, setLatest] = useState<{ id: string; seq: number }>();
  const [held, setHeld] = useState(false);
  useEffect(unlockSound, []);

  useEffect(() => {
    if (!loaded) return;
    const [arrived] = arrivals.update(threads).filter(({ id }) => id !== threadId);
    if (!arrived || !pageIsVisible()) return;
    playSound();
    setLatest({ id: arrived.id, seq: arrived.lastSeq });
  }, [threads, loaded]);
  useEffect(() => {
    if (!latest || held) return;
    const timer = setTimeout(close, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [latest, held]);

  const notice = useRef<HTMLElement>(null);
  const thread = threads.find(({ id }) => id === latest?.id);
  const message = thread?.lastMessage;
  const wanted = threadId && thread && thread.id !== threadId && thread.unreadCount > 0 && !message?.deletedAt;
  if (!wanted || !message) return null;

  function close() {
    if (notice.current?.contains(document.activeElement)) document.querySelector<HTMLElement>(".thread h1")?.focus();
    setHeld(false);
    setLatest(undefined);
  }

  const people = otherMembers(thread, user);
  return (
    <aside
      ref={notice}
      class="incoming"
      aria-label="New message"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocusIn={() => setHeld(true)}
      onFocusOut={() => setHeld(false)}
      onKeyDown={(event) => event.key === "Escape" && close()}
    >
      <a href={linkTo(thread.id)} onClick={close}>
        <Avatars people={people} />
        <strong>
          <ThreadTitle thread={thread} user={user} />
        </strong>
        <span>
          {people.length > 1 && (
            <>
              <bdi>{message.author.name}</bdi>:{" "}
            </>
          )}
          <bdi>{preview(message)}</bdi>
        </span>
      </a>
      <button type="button" class="icon-button" aria-label="Close the notice" title="Close" onClick={close}>
        <CloseIcon />
      </button>
    </aside>
  );
}
