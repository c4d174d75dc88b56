import type { ThreadInfo, ThreadSnapshot, ThreadView } from "hearth-client";
import type { RefObject } from "preact";
import { useState } from "preact/hooks";
import { Avatars } from "./avatar";
import { otherMembers, useChat } from "./context";
import { BackIcon } from "./icons";
import { isMuted } from "./mute";
import { Names, ThreadTitle } from "./names";
import { Details, Gallery, Search } from "./parts";
import { useStore } from "./store";
import { ThreadMenu } from "./thread-menu";

interface Props {
  view: ThreadView;
  snapshot: ThreadSnapshot;
  /** Shown in place of the title until the thread is known. */
  placeholder: string;
  heading: RefObject<HTMLHeadingElement | null>;
  /** Opens a photo in full size. */
  onOpen(entryKey: string, fileId: string): void;
  /** Goes to the message with this `seq`. */
  onGo(seq: number): void;
  /** Called with the result of each change of a setting. */
  onChange(change: Promise<void>): void;
}

/** The header of the open thread: its title and members, and the way to its details, gallery and settings. */
export function ThreadHeader({ view, snapshot, placeholder, heading, onOpen, onGo, onChange }: Props) {
  const { list, user } = useChat();
  useStore(list); // it changes when a mute ends
  const [shown, setShown] = useState<"details" | "gallery" | "search">();
  const { thread } = snapshot;
  const people = thread ? otherMembers(thread, user) : [];
  const close = () => setShown(undefined);

  return (
    <header>
      <a href="#/" class="icon-button back" aria-label="Back to conversations">
        <BackIcon />
      </a>
      {people.length > 0 && <Avatars people={people} />}
      <div class="names">
        <h1 ref={heading} tabIndex={-1}>
          {thread ? (
            <button type="button" aria-haspopup="dialog" title="Members" onClick={() => setShown("details")}>
              <ThreadTitle thread={thread} user={user} />
            </button>
          ) : (
            placeholder
          )}
        </h1>
        {thread && <Subtitle thread={thread} />}
      </div>
      {thread && (
        <ThreadMenu
          thread={thread}
          commands={[
            { label: "Members", run: () => setShown("details") },
            { label: "Photos and files", run: () => setShown("gallery") },
            { label: "Search", run: () => setShown("search") },
          ]}
          onChange={onChange}
        />
      )}
      {thread && shown === "details" && (
        <Details thread={thread} onGallery={() => setShown("gallery")} onClose={close} />
      )}
      {shown === "search" && (
        <Search
          view={view}
          snapshot={snapshot}
          onGo={(seq) => {
            close();
            onGo(seq);
          }}
          onClose={close}
        />
      )}
      {shown === "gallery" && <Gallery view={view} snapshot={snapshot} onOpen={onOpen} onClose={close} />}
    </header>
  );
}

/** The user's settings of the thread, and its members if the title does not name them. */
function Subtitle({ thread }: { thread: ThreadInfo }) {
  const { user } = useChat();
  const people = otherMembers(thread, user);
  const states = [isMuted(thread) && "Muted", thread.archived && "Archived"].filter(Boolean);
  const named = thread.title !== null && people.length > 0;
  if (states.length === 0 && !named) return null;
  return (
    <p>
      {states.length > 0 && <strong>{states.join(", ")}</strong>}
      {states.length > 0 && named && " · "}
      {named && (
        <>
          You, <Names people={people} />
        </>
      )}
    </p>
  );
}
