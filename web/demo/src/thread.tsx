import type { ThreadEntry } from "hearth-client";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Composer } from "./composer";
import { otherMembers, useChat } from "./context";
import { errorText } from "./error-text";
import { useFileDrop } from "./file-drop";
import { isComposing } from "./ime";
import { useMessageActions } from "./message-actions";
import { Notice, useNotice } from "./notice";
import { Viewer } from "./parts";
import { useStore } from "./store";
import { type ThreadDialog, ThreadDialogs } from "./thread-dialogs";
import { ThreadHeader } from "./thread-header";
import { Timeline } from "./timeline";
import { hasTouchScreen } from "./touch";
import { Typing } from "./typing";

interface Props {
  threadId: string;
  /** Leaves the thread. */
  onClose(): void;
}

/** Shows the open thread: its messages and the composer. */
export function Thread({ threadId, onClose }: Props) {
  const { client, drafts, deletions, user } = useChat();
  const [view] = useState(() => client.openThread(threadId));
  useEffect(
    () => () => {
      deletions.sendAll();
      view.close();
    },
    [view, deletions],
  );
  const snapshot = useStore(view);
  const { thread } = snapshot;
  const people = thread ? otherMembers(thread, user) : [];

  const draft = drafts.of(threadId);
  const field = useRef<HTMLTextAreaElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (hasTouchScreen()) heading.current?.focus();
    else field.current?.focus();
    return () => requestAnimationFrame(() => document.getElementById(`item-${threadId}`)?.focus());
  }, [threadId]);

  const [opened, setOpened] = useState<{ entryKey: string; fileId: string }>();
  const openedEntry = snapshot.entries.find((entry) => entry.key === opened?.entryKey);
  const open = useCallback((entryKey: string, fileId: string) => setOpened({ entryKey, fileId }), []);
  const restore = useCallback(
    (entry: ThreadEntry) => {
      if (!view.discard(entry.key)) return;
      draft.restore(entry);
      field.current?.focus();
    },
    [view, draft],
  );
  const [shown, setShown] = useState<ThreadDialog>();
  const [found, setFound] = useState<{ seq: number }>();
  const [notice, notify] = useNotice();
  const actions = useMessageActions(view, draft, field, notify);

  const dragged = useFileDrop(
    useCallback(() => draft.getSnapshot().edit === null, [draft]), // an edit cannot add files
    useCallback((files) => draft.add(files), [draft]),
  );
  // The error is `invalid_frame` if the page's address does not contain a valid thread ID.
  const notFound = ["thread_not_found", "invalid_frame"].includes(snapshot.error?.code ?? "");
  const [settingError, setSettingError] = useState<string>();
  function changeSetting(change: Promise<void>) {
    setSettingError(undefined);
    change.catch((error) => setSettingError(errorText(error)));
  }

  return (
    <main
      class="thread"
      data-dragged={dragged}
      onKeyDown={(event) => {
        // If the conversation's menu is open, Escape closes only the menu.
        const inMenu = document.querySelector(":popover-open");
        if (event.key === "Escape" && !event.defaultPrevented && !isComposing(event) && !inMenu) onClose();
      }}
    >
      <ThreadHeader
        thread={thread}
        placeholder={notFound ? "Not found" : "…"}
        heading={heading}
        onShow={setShown}
        onChange={changeSetting}
      />
      {settingError && (
        <p class="error" role="alert">
          The setting could not be changed. {settingError}
        </p>
      )}
      {notFound ? (
        <p class="nothing">This conversation does not exist, or you are not a member of it.</p>
      ) : (
        <>
          <Timeline view={view} snapshot={snapshot} found={found} actions={actions} onOpen={open} onRestore={restore} />
          <Notice text={notice} />
          <Typing userIds={snapshot.typing} people={people} />
          <Composer view={view} messages={snapshot.messages} draft={draft} field={field} />
        </>
      )}
      <ThreadDialogs
        shown={shown}
        view={view}
        snapshot={snapshot}
        onShow={setShown}
        onOpen={open}
        onGo={(seq) => setFound({ seq })}
      />
      {opened && openedEntry && (
        <Viewer view={view} entry={openedEntry} fileId={opened.fileId} onClose={() => setOpened(undefined)} />
      )}
    </main>
  );
}
