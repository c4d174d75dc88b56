import type { ThreadInfo } from "hearth-client";
import { useRef } from "preact/hooks";
import { useChat } from "./context";
import { MoreIcon } from "./icons";
import { FOREVER, inHours, isMuted } from "./mute";

const MENU_ID = "thread-menu";

interface Props {
  thread: ThreadInfo;
  /** The commands of the menu besides the settings. */
  commands: { label: string; run(): void }[];
  /** Called with the result of each change. */
  onChange(change: Promise<void>): void;
}

/**
 * The menu of an open thread. Its commands open dialogs about the thread, and mute or archive it, for this user only.
 */
export function ThreadMenu({ thread, commands, onChange }: Props) {
  const { client } = useChat();
  const menu = useRef<HTMLUListElement>(null);

  const mute = (label: string, until: () => string | null) => ({
    label,
    run: () => onChange(client.mute(thread.id, until())),
  });
  const items: { label: string; run(): void }[] = [
    ...commands,
    ...(isMuted(thread)
      ? [mute("Unmute", () => null)]
      : [
          mute("Mute for 8 hours", () => inHours(8)),
          mute("Mute for a week", () => inHours(7 * 24)),
          mute("Mute until I unmute it", () => FOREVER),
        ]),
    {
      label: thread.archived ? "Unarchive" : "Archive",
      run: () => onChange(client.setArchived(thread.id, !thread.archived)),
    },
  ];

  return (
    <>
      <button
        type="button"
        class="icon-button"
        aria-label="Conversation menu"
        title="Conversation menu"
        popovertarget={MENU_ID}
      >
        <MoreIcon />
      </button>
      {/* biome-ignore lint/a11y/noRedundantRoles: Safari does not announce a list without markers as a list */}
      <ul role="list" class="menu" ref={menu} id={MENU_ID} popover="auto" aria-label="Conversation menu">
        {items.map(({ label, run }) => (
          <li key={label}>
            <button
              type="button"
              onClick={() => {
                menu.current?.hidePopover();
                run();
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
