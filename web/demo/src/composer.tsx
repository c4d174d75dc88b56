import { limits, type Message, type ThreadView } from "hearth-client";
import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ComposerInput } from "./composer-input";
import { ComposerTarget } from "./composer-target";
import { useChat } from "./context";
import type { Draft } from "./draft";
import { DraftTile } from "./draft-file";
import { isComposing } from "./ime";
import { Voice } from "./parts";
import { useStore } from "./store";
import { hasTouchScreen } from "./touch";

interface Props {
  view: ThreadView;
  /** The loaded messages of the thread. */
  messages: readonly Message[];
  draft: Draft;
  field: RefObject<HTMLTextAreaElement | null>;
}

/** The form to write a message, or to edit a sent one. */
export function Composer({ view, messages, draft, field }: Props) {
  const { client } = useChat();
  const [recording, setRecording] = useState(false);
  const { text: draftText, files: draftFiles, replyTo, edit } = useStore(draft);
  const [text, files] = edit ? [edit.text, []] : [draftText, draftFiles];
  const target = messages.find(({ seq }) => seq === (edit?.seq ?? replyTo));

  useEffect(() => {
    const element = field.current;
    if (!element || CSS.supports("field-sizing", "content")) return;
    element.style.height = "auto"; // without this, the field would grow but never shrink
    element.style.height = `${element.scrollHeight}px`;
  }, [text]);

  // Files with an error are not sent and stay in the composer. The message is sent when all its other files are
  // uploaded.
  const sent = edit ? target?.attachments : files.filter(({ error }) => !error);
  const problem =
    edit && target?.deletedAt ? "This message was deleted meanwhile." : limitProblem(text, sent?.length ?? 0);
  const ready = (text.trim() !== "" || sent?.length) && !problem;

  function submit() {
    if (!ready) return;
    if (edit) {
      const body = text.trim();
      if (body !== target?.body) view.edit(edit.seq, body);
      draft.cancel();
    } else {
      const { text, files, replyTo } = draft.take();
      view.send(text, files, replyTo === null ? {} : { replyTo });
    }
    field.current?.focus();
  }

  function sendVoice(file: File) {
    const { name, type: mimetype, size } = file;
    view.send("", [{ upload: client.upload(file), name, mimetype, size }], replyTo === null ? {} : { replyTo });
    draft.cancel(); // the reply was sent, so the draft stops being a reply
  }

  function stopRecording() {
    setRecording(false);
    requestAnimationFrame(() => field.current?.focus()); // the field exists again in the next frame
  }

  function keyDown(event: KeyboardEvent) {
    if (isComposing(event)) return;
    if (event.key === "Escape" && draft.cancel()) event.preventDefault(); // so Escape does not also leave the conversation
    // On a touch screen, Enter starts a new line, and only the button sends.
    if (event.key !== "Enter" || event.shiftKey || hasTouchScreen()) return;
    event.preventDefault();
    submit();
  }

  return (
    <form
      class="composer"
      aria-label={edit ? "Edit message" : "New message"}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {(edit || replyTo !== null) && (
        <ComposerTarget
          message={target}
          edits={edit !== null}
          onCancel={() => {
            draft.cancel();
            field.current?.focus();
          }}
        />
      )}
      {files.length > 0 && (
        // biome-ignore lint/a11y/noRedundantRoles: Safari does not announce a list without markers as a list
        <ul role="list" class="drafts" aria-label="Files to send">
          {files.map((file) => (
            <DraftTile key={file.key} file={file} draft={draft} />
          ))}
        </ul>
      )}
      {problem && (
        <p class="error" role="alert">
          {problem}
        </p>
      )}
      {recording ? (
        <Voice onSend={sendVoice} onClose={stopRecording} />
      ) : (
        <ComposerInput
          draft={draft}
          field={field}
          text={text}
          edits={edit !== null}
          ready={Boolean(ready)}
          empty={text === "" && files.length === 0 && !edit}
          onTyping={() => view.setTyping()}
          onKeyDown={keyDown}
          onRecord={() => setRecording(true)}
        />
      )}
    </form>
  );
}

/** Returns the text about a limit that the message exceeds, or undefined if it exceeds none. */
function limitProblem(text: string, files: number): string | undefined {
  const excess = [...text].length - limits.bodyChars;
  if (excess > 0) return `Your message is too long. Shorten it by ${count(excess, "character")}.`;
  if (files <= limits.filesPerMessage) return undefined;
  return `A message can have at most ${limits.filesPerMessage} files. Remove ${count(files - limits.filesPerMessage, "file")}.`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
