import type { ThreadInfo } from "hearth-client";
import { useRef } from "preact/hooks";
import { useChat } from "./context";
import { MoreIcon } from "./icons";
import { FOREVER, inHours, isMuted } from "./mute";

const MENU_ID = "thread-menu";

interface Props {
  thread: ThreadInfo;
  /** Called with the result of each change. */
  onChange(change: Promise<void>): void;
}

/** The menu of an open thread: mutes and archives it, for the user only. */
export function ThreadMenu({ thread, onChange }: Props) {
  const { client } = useChat();
  const menu = useRef<HTMLUListElement>(null);

  const mute = (label: string, until: () => string | null) => ({
    label,
    change: () => client.mute(thread.id, until()),
  });
  const items: { label: string; change(): Promise<void> }[] = [
    ...(isMuted(thread)
      ? [mute("Unmute", () => null)]
      : [
          mute("Mute for 8 hours", () => inHours(8)),
          mute("Mute for a week", () => inHours(7 * 24)),
          mute("Mute until I unmute it", () => FOREVER),
        ]),
    {
      label: thread.archived ? "Unarchive" : "Archive",
      change: () => client.setArchived(thread.id, !thread.archived),
    },
  ];

  return (
    <>
      <button
        type="button"
        class="icon-button"
        aria-label="Mute or archive"
        title="Mute or archive"
        popovertarget={MENU_ID}
      >
        <MoreIcon />
      </button>
      {/* biome-ignore lint/a11y/noRedundantRoles: Safari does not announce a list without markers as a list */}
      <ul role="list" class="menu" ref={menu} id={MENU_ID} popover="auto" aria-label="Mute or archive">
        {items.map(({ label, change }) => (
          <li key={label}>
            <button
              type="button"
              onClick={() => {
                menu.current?.hidePopover();
                onChange(change());
              }}
            >
              {label}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
