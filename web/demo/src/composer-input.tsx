import type { RefObject } from "preact";
import { useRef } from "preact/hooks";
import type { Draft } from "./draft";
import { CheckIcon, MicrophoneIcon, PlusIcon, SendIcon } from "./icons";
import { canRecord } from "./recording";

interface Props {
  draft: Draft;
  field: RefObject<HTMLTextAreaElement | null>;
  text: string;
  /** Whether the user edits a sent message. An edit cannot add files. */
  edits: boolean;
  /** Whether the message can be sent. */
  ready: boolean;
  /** Whether the composer has no text, no files and no edit. Only then can a voice message be recorded. */
  empty: boolean;
  onTyping(): void;
  onKeyDown(event: KeyboardEvent): void;
  onRecord(): void;
}

/** The composer's field, with the buttons to add files, to record a voice message, and to send. */
export function ComposerInput({ draft, field, text, edits, ready, empty, onTyping, onKeyDown, onRecord }: Props) {
  const picker = useRef<HTMLInputElement>(null);
  const action = edits ? "Save" : "Send";
  return (
    <div class="field-row">
      <input
        ref={picker}
        type="file"
        multiple
        hidden
        onChange={(event) => {
          draft.add(event.currentTarget.files ?? []);
          event.currentTarget.value = ""; // the browser reports no change if the same file is chosen again
          field.current?.focus();
        }}
      />
      <button
        type="button"
        class="icon-button"
        aria-label="Add photos or files"
        title="Add photos or files"
        disabled={edits}
        onClick={() => picker.current?.click()}
      >
        <PlusIcon />
      </button>
      <textarea
        ref={field}
        rows={1}
        dir="auto"
        value={text}
        placeholder="Write a message"
        aria-label="Message"
        onInput={(event) => {
          draft.write(event.currentTarget.value);
          if (event.currentTarget.value !== "" && !edits) onTyping();
        }}
        onKeyDown={onKeyDown}
        onPaste={(event) => {
          if (!edits) paste(event, draft);
        }}
      />
      {empty && canRecord() && (
        <button
          type="button"
          class="icon-button"
          aria-label="Record a voice message"
          title="Record a voice message"
          onClick={onRecord}
        >
          <MicrophoneIcon />
        </button>
      )}
      <button type="submit" class="icon-button primary" aria-label={action} title={action} disabled={!ready}>
        {edits ? <CheckIcon /> : <SendIcon />}
      </button>
    </div>
  );
}

/** Adds pasted files to the draft. Text that is pasted with them goes into the field. */
function paste(event: ClipboardEvent, draft: Draft): void {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length === 0) return;
  const text = event.clipboardData?.getData("text/plain") ?? "";
  // The browser must not paste the text if it is empty, or if it consists of the files' names: macOS adds these to
  // copied files.
  const names = files.map(({ name }) => name).join("\n");
  if (text === "" || text.replaceAll("\r", "\n") === names) event.preventDefault();
  draft.add(files);
}
