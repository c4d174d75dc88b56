import { useEffect, useState } from "preact/hooks";
import { names, useChat } from "./context";
import { formatSize } from "./format";

/** Tells what the page keeps on this device, with a way to delete the drafts. */
export function StorageSettings() {
  const { client, drafts } = useChat();
  const [bytes, setBytes] = useState(0);
  const [count, setCount] = useState(() => drafts.count());
  useEffect(() => {
    // If the browser does not tell the size of its storage, the text has no size.
    navigator.storage
      ?.estimate()
      .then(({ usage = 0 }) => setBytes(usage))
      .catch(() => {});
  }, []);
  const unsent = client.unsentMessages();
  const kept = [
    "your sign-in",
    bytes > 0 ? `the page itself (${formatSize(bytes)})` : "the page itself",
    unsent > 0 && (unsent === 1 ? "1 unsent message" : `${unsent} unsent messages`),
    count > 0 && (count === 1 ? "1 draft" : `${count} drafts`),
  ];
  return (
    <div>
      <h3>On this device</h3>
      <p class="hint" role="status">
        The browser keeps {names.format(kept.filter((part) => part !== false))}. Signing out removes your sign-in, and
        asks about drafts and unsent messages.
      </p>
      {count > 0 && (
        <button
          type="button"
          class="link-button"
          onClick={() => {
            drafts.discard();
            setCount(0);
          }}
        >
          Delete the drafts
        </button>
      )}
    </div>
  );
}
