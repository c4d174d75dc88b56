import { limits, type Message, type ThreadView } from "hearth-client";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { hideImage } from "./attachment";
import { ComposerTarget } from "./composer-target";
import type { Draft, DraftFile } from "./draft";
import { CheckIcon, CloseIcon, FileIcon, PhotoIcon, SendIcon } from "./icons";
import { isComposing } from "./ime";
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
  const picker = useRef<HTMLInputElement>(null);
  const { text: draftText, files: draftFiles, replyTo, edit } = useStore(draft);
  const [text, files] = edit ? [edit.text, []] : [draftText, draftFiles];
  const target = messages.find(({ seq }) => seq === (edit?.seq ?? replyTo));

  useEffect(() => {
    const element = field.current;
    if (!element || CSS.supports("field-sizing", "content")) return;
    element.style.height = "auto"; // without this, the field would grow but never shrink
    element.style.height = `${element.scrollHeight}px`;
  }, [text]);

  const problem = edit && target?.deletedAt ? "This message was deleted meanwhile." : limitProblem(text, files.length);
  const filled = text.trim() !== "" || (edit ? target?.attachments : files)?.length;
  const action = edit ? "Save" : "Send";
  const ready = filled && files.every((file) => file.uploaded) && !problem;

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

  function keyDown(event: KeyboardEvent) {
    if (isComposing(event)) return;
    if (event.key === "Escape" && draft.cancel()) event.preventDefault(); // it does not leave the conversation
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
            <FileTile key={file.key} file={file} draft={draft} />
          ))}
        </ul>
      )}
      {problem && (
        <p class="error" role="alert">
          {problem}
        </p>
      )}
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
          disabled={edit !== null}
          onClick={() => picker.current?.click()}
        >
          <PhotoIcon />
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
            if (event.currentTarget.value !== "" && !edit) view.setTyping();
          }}
          onKeyDown={keyDown}
          onPaste={(event) => {
            const pasted = event.clipboardData?.files;
            if (!pasted?.length || edit) return;
            event.preventDefault();
            draft.add(pasted);
          }}
        />
        <button type="submit" class="icon-button primary" aria-label={action} title={action} disabled={!ready}>
          {edit ? <CheckIcon /> : <SendIcon />}
        </button>
      </div>
    </form>
  );
}

/** Returns why a message is beyond a limit, or undefined if it is not. */
function limitProblem(text: string, files: number): string | undefined {
  const excess = [...text].length - limits.bodyChars;
  if (excess > 0) return `Your message is too long. Shorten it by ${count(excess, "character")}.`;
  if (files <= limits.filesPerMessage) return undefined;
  return `A message can have at most ${limits.filesPerMessage} files. Remove ${count(files - limits.filesPerMessage, "file")}.`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function FileTile({ file, draft }: { file: DraftFile; draft: Draft }) {
  const { name, previewUrl, progress, uploaded, error } = file;
  return (
    <li class="draft" data-failed={error !== undefined}>
      {previewUrl ? <img src={previewUrl} alt="" onError={hideImage} /> : <FileIcon />}
      <div>
        <span class="name">
          <bdi>{name}</bdi>
        </span>
        {error ? (
          <span role="alert">
            {error}{" "}
            <button type="button" class="link-button" onClick={() => draft.retry(file)}>
              Try again
            </button>
          </span>
        ) : uploaded ? (
          <span>Ready to send</span>
        ) : (
          <progress value={progress} aria-label={`Uploading ${name}`} />
        )}
      </div>
      <button type="button" class="icon-button" aria-label={`Remove ${name}`} onClick={() => draft.remove(file)}>
        <CloseIcon />
      </button>
    </li>
  );
}
