import type { Message } from "hearth-client";
import { useState } from "preact/hooks";
import { Dialog } from "./dialog";
import { COMMON_EMOJIS, toEmoji } from "./emoji";

interface Props {
  message: Message;
  onReact(message: Message, emoji: string): void;
  onClose(): void;
}

/**
 * The dialog to react with any emoji: the user clicks on one of about 50, or types one. A library with all emojis would
 * increase the page's size by a third. Keyboards and operating systems already offer all emojis.
 */
export function EmojiPicker({ message, onReact, onClose }: Props) {
  const [text, setText] = useState("");
  const [invalid, setInvalid] = useState(false);
  function pick(emoji: string | undefined) {
    setInvalid(emoji === undefined);
    if (emoji === undefined) return;
    onReact(message, emoji);
    onClose();
  }
  return (
    <Dialog class="form-dialog emoji-picker" label="React with another emoji" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          pick(toEmoji(text));
        }}
      >
        <h2>React with another emoji</h2>
        <div class="choices">
          {COMMON_EMOJIS.map((emoji) => (
            <button key={emoji} type="button" onClick={() => pick(emoji)}>
              {emoji}
            </button>
          ))}
        </div>
        <div class="field">
          <label for="emoji">Or type one</label>
          <input
            id="emoji"
            value={text}
            autocomplete="off"
            aria-invalid={invalid}
            aria-describedby="emoji-hint"
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <p class="hint" id="emoji-hint">
            On a computer, Windows key + period or Control + Command + space shows all emojis.
          </p>
        </div>
        {invalid && (
          <p class="error" role="alert">
            Enter exactly one emoji.
          </p>
        )}
        <div class="actions">
          <button type="button" class="button quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button" disabled={text.trim() === ""}>
            React
          </button>
        </div>
      </form>
    </Dialog>
  );
}
