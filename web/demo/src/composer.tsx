import type { ThreadView } from "hearth-client";
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { hide } from "./attachment";
import { CloseIcon, FileIcon, PhotoIcon, SendIcon } from "./icons";
import type { Draft, Uploads } from "./uploads";

const MAX_CHARACTERS = 8000;
const MAX_FILES = 10;

const typed = new Map<string, string>();

/** What was typed and not sent, by thread: it is there again when one comes back. */
export function useDraft(threadId: string): [string, (text: string) => void] {
  const [text, setText] = useState(typed.get(threadId) ?? "");
  return [
    text,
    (text) => {
      typed.set(threadId, text);
      setText(text);
    },
  ];
}

interface Props {
  view: ThreadView;
  uploads: Uploads;
  text: string;
  onText(text: string): void;
  field: RefObject<HTMLTextAreaElement | null>;
}

export function Composer({ view, uploads, text, onText, field }: Props) {
  const picker = useRef<HTMLInputElement>(null);
  const { drafts } = uploads;

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
      : drafts.length > MAX_FILES
        ? `${MAX_FILES} files at most go with a message.`
        : undefined;
  const ready = drafts.every((draft) => draft.sent) && (text.trim() !== "" || drafts.length > 0) && !problem;

  function send() {
    if (!ready) return;
    view.send(text.trim(), uploads.take());
    onText("");
    field.current?.focus();
  }

  function keyDown(event: KeyboardEvent) {
    // On a phone Enter begins a new line, and the button sends.
    const sends =
      event.key === "Enter" && !event.shiftKey && !event.isComposing && !matchMedia("(pointer: coarse)").matches;
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
      {drafts.length > 0 && (
        <ul class="drafts" aria-label="Files to send">
          {drafts.map((draft) => (
            <DraftTile key={draft.key} draft={draft} uploads={uploads} />
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
            uploads.add(event.currentTarget.files ?? []);
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
          onInput={(event) => onText(event.currentTarget.value)}
          onKeyDown={keyDown}
          onPaste={(event) => {
            const files = event.clipboardData?.files;
            if (!files?.length) return;
            event.preventDefault();
            uploads.add(files);
          }}
        />
        <button type="submit" class="icon-button primary" aria-label="Send" title="Send" disabled={!ready}>
          <SendIcon />
        </button>
      </div>
    </form>
  );
}

function DraftTile({ draft, uploads }: { draft: Draft; uploads: Uploads }) {
  const { file, previewUrl, progress, sent, error } = draft;
  return (
    <li class="draft" data-failed={error !== undefined}>
      {previewUrl ? <img src={previewUrl} alt="" onError={hide} /> : <FileIcon />}
      <div>
        <span class="name">{file.name}</span>
        {error ? (
          <span role="alert">
            {error}{" "}
            <button type="button" class="link-button" onClick={() => uploads.retry(draft)}>
              Try again
            </button>
          </span>
        ) : sent ? (
          <span>Ready to send</span>
        ) : (
          <progress value={progress} aria-label={`Uploading ${file.name}`} />
        )}
      </div>
      <button
        type="button"
        class="icon-button"
        aria-label={`Remove ${file.name}`}
        onClick={() => uploads.remove(draft)}
      >
        <CloseIcon />
      </button>
    </li>
  );
}
