import type { Message } from "hearth-client";
import { type Members, useChat } from "./context";
import { Dialog } from "./dialog";
import { QUICK_EMOJIS } from "./emoji";
import { formatFull } from "./format";
import { PlusIcon } from "./icons";
import type { MessageActions } from "./message-actions";
import { nameOf } from "./preview";
import { reactedBy } from "./reactions";

/**
 * How long after it was sent a message can be edited, in milliseconds: the default of a deployment. If the deployment
 * has set another time, the server may refuse an edit that the menu offers, or the menu may lack one that is allowed.
 */
const EDIT_MS = 24 * 3_600_000;

/** The number of items in the menu's first row: the emojis, and the button for another emoji. */
const COLUMNS = QUICK_EMOJIS.length + 1;

interface Props {
  message: Message;
  members: Members | null;
  /** The element beside which the menu is shown. */
  near: Element;
  actions: MessageActions;
  /** Opens the dialog with more emojis. */
  onMore(): void;
  onClose(): void;
}

/** The menu of a message: its time and reactions, and the commands for the message. */
export function MessageMenu({ message, members, near, actions, onMore, onClose }: Props) {
  const { user } = useChat();
  const { reactions, body, author, createdAt } = message;
  const mine = author.id === user.id;
  const own = reactions.find(({ userIds }) => userIds.includes(user.id))?.emoji;
  const editable = mine && Date.now() - Date.parse(createdAt) < EDIT_MS;
  const label = nameOf(message, mine);

  /**
   * Closes the menu before the command runs. While the menu is open, the command cannot move the focus to an element
   * behind it.
   */
  const choose = (run: () => void) => (event: Event) => {
    (event.currentTarget as HTMLElement).closest("dialog")?.close();
    onClose();
    run();
  };
  const commands: [label: string, offered: boolean, run: () => void][] = [
    ["Reply", true, () => actions.reply(message)],
    ["Edit", editable, () => actions.edit(message)],
    ["Copy text", body !== "", () => actions.copy(body)],
    ["Delete", mine, () => actions.remove(message)],
  ];
  return (
    <Dialog
      class="message-menu"
      label={`Actions for ${label}`}
      near={near}
      onClose={onClose}
      onKeyDown={(event) => (event.key === "Tab" ? onClose() : moveFocus(event))}
    >
      <p class="reacted">
        <time dateTime={createdAt}>{formatFull(createdAt)}</time>
      </p>
      {reactions.map(({ emoji, userIds }) => (
        <p key={emoji} class="reacted">
          {emoji} <bdi>{reactedBy(userIds, members, user)}</bdi>
        </p>
      ))}
      <div role="menu" aria-label={label}>
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset would be announced as a part of a form */}
        <div role="group" class="emojis" aria-label="React">
          {QUICK_EMOJIS.map((emoji) => (
            <button
              key={emoji}
              type="button"
              role="menuitemradio"
              aria-checked={emoji === own}
              onClick={choose(() => actions.react(message, emoji === own ? null : emoji))}
            >
              {emoji}
            </button>
          ))}
          <button type="button" role="menuitem" aria-label="Another emoji" onClick={choose(onMore)}>
            <PlusIcon />
          </button>
        </div>
        {commands.map(
          ([label, offered, run]) =>
            offered && (
              <button key={label} type="button" role="menuitem" onClick={choose(run)}>
                {label}
              </button>
            ),
        )}
      </div>
    </Dialog>
  );
}

/** Moves the focus through the menu with the arrow keys, Home and End. */
function moveFocus(event: KeyboardEvent): void {
  const items = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("[role^=menuitem]")];
  const index = items.indexOf(document.activeElement as HTMLElement);
  const inRow = index < COLUMNS;
  const next = new Map([
    ["ArrowRight", index + 1],
    ["ArrowLeft", index - 1],
    ["ArrowDown", inRow ? COLUMNS : index + 1],
    ["ArrowUp", inRow ? -1 : index === COLUMNS ? 0 : index - 1],
    ["Home", 0],
    ["End", -1],
  ]).get(event.key);
  if (next === undefined) return;
  event.preventDefault();
  items.at(next % items.length)?.focus();
}
