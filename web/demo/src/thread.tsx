import type { ThreadEntry } from "hearth-client";
import { useEffect, useRef, useState } from "preact/hooks";
import { Avatars } from "./avatar";
import { Composer } from "./composer";
import { Connection } from "./connection";
import { listed, others, titleOf, useChat } from "./context";
import { BackIcon } from "./icons";
import { composes } from "./keys";
import { go } from "./router";
import { useStore } from "./store";
import { Timeline } from "./timeline";
import { Viewer } from "./viewer";

/** One conversation: what was said, and the field to say more. */
export function Thread({ threadId }: { threadId: string }) {
  const { client, list, marks, drafts, user } = useChat();
  const [view] = useState(() => client.openThread(threadId));
  useEffect(() => () => view.close(), [view]);
  const snapshot = useStore(view);

  // The list may know the thread before the view does.
  const listedThread = useStore(list).threads.find((thread) => thread.id === threadId);
  const thread = snapshot.thread ?? listedThread;
  const people = thread ? others(thread, user) : [];

  const lastSeq = snapshot.messages.at(-1)?.seq;
  useEffect(() => {
    const read = () => {
      if (lastSeq !== undefined && document.visibilityState === "visible") marks.read(threadId, lastSeq);
    };
    read();
    document.addEventListener("visibilitychange", read);
    return () => document.removeEventListener("visibilitychange", read);
  }, [marks, threadId, lastSeq]);

  const draft = drafts.of(threadId);
  const field = useRef<HTMLTextAreaElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // On a phone the field's keyboard would cover half of the page.
    if (matchMedia("(pointer: coarse)").matches) heading.current?.focus();
    else field.current?.focus();
    return () => requestAnimationFrame(() => document.getElementById(`item-${threadId}`)?.focus());
  }, [threadId]);

  const [opened, setOpened] = useState<{ entryKey: string; fileId: string }>();
  const openedEntry = snapshot.entries.find((entry) => entry.key === opened?.entryKey);
  function edit(entry: ThreadEntry) {
    if (!view.discard(entry.key)) return;
    draft.restore(entry.body, entry.attachments);
    field.current?.focus();
  }

  const [dragged, setDragged] = useState(false);
  const lost = snapshot.error?.code === "thread_not_found";

  return (
    <main
      class="thread"
      data-dragged={dragged}
      onKeyDown={(event) => event.key === "Escape" && !event.defaultPrevented && !composes(event) && go()}
      onDragOver={(event) => {
        if (!event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        setDragged(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setDragged(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setDragged(false);
        draft.add(event.dataTransfer?.files ?? []);
      }}
    >
      <header>
        <a href="#/" class="icon-button back" aria-label="Back to the conversations">
          <BackIcon />
        </a>
        {people.length > 0 && <Avatars people={people} />}
        <div class="names">
          <h1 ref={heading} tabIndex={-1}>
            {thread ? titleOf(thread, user) : lost ? "Not found" : "…"}
          </h1>
          {thread?.title && people.length > 0 && <p>You, {listed(people)}</p>}
        </div>
        <Connection />
      </header>
      {lost ? (
        <p class="nothing">This conversation does not exist, or you are not part of it.</p>
      ) : (
        <>
          <Timeline
            view={view}
            snapshot={snapshot}
            onOpen={(entryKey, fileId) => setOpened({ entryKey, fileId })}
            onEdit={edit}
          />
          <Composer view={view} draft={draft} field={field} />
        </>
      )}
      {opened && openedEntry && (
        <Viewer view={view} entry={openedEntry} fileId={opened.fileId} onClose={() => setOpened(undefined)} />
      )}
    </main>
  );
}
