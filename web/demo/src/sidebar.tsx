import { useEffect, useRef, useState } from "preact/hooks";
import { Avatar } from "./avatar";
import { NotificationHint } from "./background";
import { useChat } from "./context";
import { ArchiveIcon, BackIcon, LeaveIcon, WriteIcon } from "./icons";
import { Profile, Welcome } from "./parts";
import { ThreadItems } from "./thread-items";

interface Props {
  threadId: string | undefined;
  onNew(): void;
  onSignOut(choice: { everywhere: boolean }): void;
}

export function Sidebar({ threadId, onNew, onSignOut }: Props) {
  const { list, user } = useChat();
  const [archive, setArchive] = useState(false);
  const [account, setAccount] = useState(false);
  const archiveButton = useRef<HTMLButtonElement>(null);
  const closed = useRef(false);
  useEffect(() => {
    if (closed.current && !archive) archiveButton.current?.focus();
    closed.current = archive;
  }, [archive]);

  return (
    // While no conversation is open, the list of conversations is the page's main content.
    <section class="sidebar" role={threadId ? "navigation" : "main"} aria-label="Conversations">
      <header>
        <img src="./favicon.svg" alt="" width="36" height="36" />
        <h1>Hearth</h1>
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
      {archive ? (
        <Archive threadId={threadId} onClose={() => setArchive(false)} />
      ) : (
        <>
          <ThreadItems list={list} threadId={threadId}>
            <p>No conversations yet.</p>
            <Welcome onNew={onNew} />
          </ThreadItems>
          <button ref={archiveButton} type="button" class="archive" onClick={() => setArchive(true)}>
            <ArchiveIcon />
            Archived conversations
          </button>
        </>
      )}
      <NotificationHint />
      <footer>
        <button type="button" class="me" title="Your account" onClick={() => setAccount(true)}>
          <Avatar id={user.id} name={user.name} />
          <strong>
            <span class="hidden">Your account: </span>
            <bdi>{user.name}</bdi>
          </strong>
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label="Sign out"
          title="Sign out"
          onClick={() => onSignOut({ everywhere: false })}
        >
          <LeaveIcon />
        </button>
      </footer>
      {account && <Profile onClose={() => setAccount(false)} onSignOut={onSignOut} />}
    </section>
  );
}

/** Shows the archived conversations in place of the list of the other conversations. */
function Archive({ threadId, onClose }: { threadId: string | undefined; onClose(): void }) {
  const { client } = useChat();
  const [list] = useState(() => client.openThreadList({ archived: true }));
  useEffect(() => () => list.close(), [list]);
  const back = useRef<HTMLButtonElement>(null);
  useEffect(() => back.current?.focus(), []);
  return (
    <>
      <div class="archive-header">
        <button ref={back} type="button" class="icon-button" aria-label="Close the archive" onClick={onClose}>
          <BackIcon />
        </button>
        <h2>Archived</h2>
      </div>
      <ThreadItems list={list} threadId={threadId}>
        <p>No archived conversations.</p>
      </ThreadItems>
    </>
  );
}
