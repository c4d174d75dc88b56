import type { ThreadEntry, ThreadView } from "hearth-client";
import { useChat } from "./context";
import { formatUpcoming } from "./format";
import type { MessageActions } from "./message-actions";

interface Props {
  view: ThreadView;
  entry: ThreadEntry;
  actions: MessageActions;
}

/**
 * Shows the progress of a message that is being sent. While it is uploaded or waits for another attempt, the user can
 * cancel it.
 */
export function Sending({ view, entry, actions }: Props) {
  const { previews } = useChat();
  const waits = entry.error !== null || entry.nextTryAt !== null || entry.upload !== null;
  function cancel() {
    if (!view.discard(entry.key, { force: true })) return;
    for (const { id } of entry.attachments) previews.forget(id);
    actions.notify(
      entry.maybeSent
        ? "Cancelled. If the server has received the message already, it appears again."
        : "The message was cancelled.",
    );
  }
  return (
    <>
      <span>{progress(entry)}</span>
      {waits && (
        <>
          {" "}
          <button type="button" class="link-button" onClick={cancel}>
            Cancel
          </button>
        </>
      )}
    </>
  );
}

function progress({ nextTryAt, error, upload }: ThreadEntry): string {
  if (nextTryAt !== null)
    return `You have sent many messages in a short time. This one is sent ${formatUpcoming(nextTryAt)}.`;
  if (upload?.phase === "waiting") return "Waiting for the network …";
  if (upload) return `Uploading, ${Math.floor((100 * upload.loaded) / Math.max(1, upload.total))} % …`;
  return error ? "Not sent yet, trying again …" : "Sending …";
}
