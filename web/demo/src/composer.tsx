import { limits, type ThreadView } from "hearth-client";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { hideImage } from "./attachment";
import type { Draft, DraftFile } from "./draft";
import { CloseIcon, FileIcon, PhotoIcon, SendIcon } from "./icons";
import { isComposing } from "./ime";
import { useStore } from "./store";
import { hasTouchScreen } from "./touch";

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
    element.style.height = "auto"; // without this, the field would grow but never shrink
    element.style.height = `${element.scrollHeight}px`;
  }, [text]);

  const length = [...text].length;
  const problem =
    length > limits.bodyChars
      ? `Your message is too long. Shorten it by ${count(length - limits.bodyChars, "character")}.`
      : files.length > limits.filesPerMessage
        ? `A message can have at most ${limits.filesPerMessage} files. Remove ${count(files.length - limits.filesPerMessage, "file")}.`
        : undefined;
  const ready = files.every((file) => file.uploaded) && (text.trim() !== "" || files.length > 0) && !problem;

  function send() {
    if (!ready) return;
    const { text, files } = draft.take();
    view.send(text, files);
    field.current?.focus();
  }

  function keyDown(event: KeyboardEvent) {
    // On a touch screen, Enter starts a new line, and only the button sends.
    const sends = event.key === "Enter" && !event.shiftKey && !isComposing(event) && !hasTouchScreen();
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
            if (event.currentTarget.value !== "") view.setTyping();
          }}
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
