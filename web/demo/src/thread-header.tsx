import type { ThreadInfo } from "hearth-client";
import type { RefObject } from "preact";
import { Avatars } from "./avatar";
import { otherMembers, useChat } from "./context";
import { BackIcon } from "./icons";
import { isMuted } from "./mute";
import { Names, ThreadTitle } from "./names";
import { useStore } from "./store";
import type { ThreadDialog } from "./thread-dialogs";
import { ThreadMenu } from "./thread-menu";

interface Props {
  /** Null until the thread is loaded. */
  thread: ThreadInfo | null;
  /** Shown in place of the title until the thread is loaded. */
  placeholder: string;
  heading: RefObject<HTMLHeadingElement | null>;
  /** Shows a dialog about the thread. */
  onShow(dialog: ThreadDialog): void;
  /** Called with the result of each change of a setting. */
  onChange(change: Promise<void>): void;
}

/** The header of the open thread: its title and members, and the way to its details, files, search and settings. */
export function ThreadHeader({ thread, placeholder, heading, onShow, onChange }: Props) {
  const { list, user } = useChat();
  useStore(list); // the list changes when a mute ends, and then "Muted" must disappear
  const people = thread ? otherMembers(thread, user) : [];
  return (
    <header>
      <a href="#/" class="icon-button back" aria-label="Back to conversations">
        <BackIcon />
      </a>
      {people.length > 0 && <Avatars people={people} />}
      <div class="names">
        <h1 ref={heading} tabIndex={-1}>
          {thread ? (
            <button type="button" aria-haspopup="dialog" title="Members" onClick={() => onShow("details")}>
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
            { label: "Members", run: () => onShow("details") },
            { label: "Photos and files", run: () => onShow("gallery") },
            { label: "Search", run: () => onShow("search") },
          ]}
          onChange={onChange}
        />
      )}
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
