import type { ThreadView } from "hearth-client";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { hide } from "./attachment";
import type { Draft, DraftFile } from "./draft";
import { CloseIcon, FileIcon, PhotoIcon, SendIcon } from "./icons";
import { composes } from "./keys";
import { useStore } from "./store";

const MAX_CHARACTERS = 8000;
const MAX_FILES = 10;

interface Props {
  view: ThreadView;
  draft: Draft;
  field: RefObject<HTMLTextAreaElement | null>;
}

export function Composer({ view, draft, field }: Props) {
  const picker = useRef<HTMLInputElement>(null);
  const { text, files } = useStore(draft);

  useEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = "auto"; // so that it shrinks, too
    element.style.height = `${element.scrollHeight}px`;
  }, [text]);

  const length = [...text].length;
  const problem =
    length > MAX_CHARACTERS
      ? `${length - MAX_CHARACTERS} characters too many.`
      : files.length > MAX_FILES
        ? `${MAX_FILES} files at most go with a message.`
        : undefined;
  const ready = files.every((file) => file.sent) && (text.trim() !== "" || files.length > 0) && !problem;

  function send() {
    if (!ready) return;
    const { text, files } = draft.take();
    view.send(text, files);
    field.current?.focus();
  }

  function keyDown(event: KeyboardEvent) {
    // On a phone Enter begins a new line, and the button sends.
    const sends =
      event.key === "Enter" && !event.shiftKey && !composes(event) && !matchMedia("(pointer: coarse)").matches;
    if (!sends) return;
    event.preventDefault();
    send();
  }

  return (
    <form
      class="composer"
      aria-label="New message"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {files.length > 0 && (
        // biome-ignore lint/a11y/noRedundantRoles: without markers, Safari takes it for no list
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
            event.currentTarget.value = ""; // so that the same file can be chosen again
            field.current?.focus();
          }}
        />
        <button
          type="button"
          class="icon-button"
          aria-label="Add photos or files"
          title="Add photos or files"
          onClick={() => picker.current?.click()}
        >
          <PhotoIcon />
        </button>
        <textarea
          ref={field}
          rows={1}
          value={text}
          placeholder="Write a message"
          aria-label="Message"
          onInput={(event) => draft.write(event.currentTarget.value)}
          onKeyDown={keyDown}
          onPaste={(event) => {
            const pasted = event.clipboardData?.files;
            if (!pasted?.length) return;
            event.preventDefault();
            draft.add(pasted);
          }}
        />
        <button type="submit" class="icon-button primary" aria-label="Send" title="Send" disabled={!ready}>
          <SendIcon />
        </button>
      </div>
    </form>
  );
}

function FileTile({ file, draft }: { file: DraftFile; draft: Draft }) {
  const { name, previewUrl, progress, sent, error } = file;
  return (
    <li class="draft" data-failed={error !== undefined}>
      {previewUrl ? <img src={previewUrl} alt="" onError={hide} /> : <FileIcon />}
      <div>
        <span class="name">{name}</span>
        {error ? (
          <span role="alert">
            {error}{" "}
            <button type="button" class="link-button" onClick={() => draft.retry(file)}>
              Try again
            </button>
          </span>
        ) : sent ? (
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
