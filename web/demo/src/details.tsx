import type { ThreadInfo } from "hearth-client";
import { Avatar } from "./avatar";
import { otherMembers, useChat } from "./context";
import { Dialog } from "./dialog";
import { formatDate } from "./format";
import { ThreadTitle } from "./names";
import "./styles/details.css";

interface Props {
  thread: ThreadInfo;
  /** Shows the photos and files of the conversation. */
  onGallery(): void;
  onClose(): void;
}

/** The dialog about a conversation: its title, its members, and the date of its creation. */
export function Details({ thread, onGallery, onClose }: Props) {
  const { user } = useChat();
  const members = [user, ...otherMembers(thread, user)];
  return (
    <Dialog class="form-dialog" label="About this conversation" onClose={onClose}>
      <div class="content">
        <h2>
          <ThreadTitle thread={thread} user={user} />
        </h2>
        <div>
          <h3>{members.length === 1 ? "1 member" : `${members.length} members`}</h3>
          {/* biome-ignore lint/a11y/noRedundantRoles: Safari does not announce a list without markers as a list */}
          <ul role="list" class="members">
            {members.map((member) => (
              <li key={member.id}>
                <Avatar {...member} />
                <span>
                  <bdi>{member.name}</bdi>
                  {member.id === user.id && " (you)"}
                </span>
              </li>
            ))}
          </ul>
        </div>
        <p class="hint">Since {formatDate(thread.createdAt)}</p>
        <div class="actions">
          <button type="button" class="button quiet" onClick={onGallery}>
            Photos and files
          </button>
          <button type="button" class="button" onClick={onClose}>
            Close
          </button>
        </div>
      </div>
    </Dialog>
  );
}
