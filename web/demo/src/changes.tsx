import type { MessageChange, ThreadEntry, ThreadView } from "hearth-client";
import { errorText } from "./error-text";

const REFUSED = {
  edit: "Your edit was not saved",
  remove: "The message was not deleted",
  react: "Your reaction was not saved",
} satisfies Record<MessageChange["kind"], string>;

/** Error codes for which the page offers no retry, because the server would refuse the same change again. */
const FINAL = ["not_author", "edit_window_over", "message_deleted", "message_not_found"];

interface Props {
  view: ThreadView;
  entry: ThreadEntry;
  onCopy(text: string): void;
}

/** Tells which of the user's changes of a message were refused, and why. */
export function RefusedChanges({ view, entry, onCopy }: Props) {
  const refused = entry.changes.filter(({ state }) => state === "failed");
  return (
    <>
      {refused.map(({ key, kind, body, error }) => (
        <p key={key} class="meta failed" role="alert">
          {REFUSED[kind]}
          {error ? `: ${errorText(error)}` : "."}{" "}
          {!FINAL.includes(error?.code ?? "") && (
            <button type="button" class="link-button" onClick={() => view.retry(key)}>
              Try again
            </button>
          )}{" "}
          {body && (
            <button type="button" class="link-button" onClick={() => onCopy(body)}>
              Copy your text
            </button>
          )}{" "}
          <button type="button" class="link-button" onClick={() => view.discard(key)}>
            Discard
          </button>
        </p>
      ))}
    </>
  );
}

/** Returns the text about an edit or a deletion that is not stored yet, or undefined if there is none. */
export function changeProgress(entry: ThreadEntry, kind: "edit" | "remove"): string | undefined {
  const change = entry.changes.find((change) => change.kind === kind && change.state === "sending");
  return change && (change.error ? "not saved yet, trying again …" : "saving …");
}
