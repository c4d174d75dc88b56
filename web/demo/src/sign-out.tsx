import { useState } from "preact/hooks";
import { Dialog } from "./dialog";
import { errorText } from "./error-text";

interface Props {
  /** The number of messages, and changes of messages, that the server has not stored yet. */
  messages: number;
  /** The number of conversations with text or files in the composer. */
  drafts: number;
  /** Whether the user signs out on all devices. */
  everywhere: boolean;
  onClose(): void;
  /** Rejects if the user cannot be signed out on all devices. */
  onSignOut(choice: { discard: boolean }): Promise<void>;
}

/** The dialog that asks what happens to unsent messages when the user signs out, and before signing out everywhere. */
export function SignOut({ messages, drafts, everywhere, onClose, onSignOut }: Props) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  async function signOut(choice: { discard: boolean }) {
    setBusy(true);
    setError(undefined);
    try {
      await onSignOut(choice);
    } catch (error) {
      setError(errorText(error));
      setBusy(false);
    }
  }
  const discards = messages + drafts > 0;
  return (
    <Dialog class="form-dialog" label="Sign out" onClose={onClose}>
      <div class="content">
        <h2>{everywhere ? "Sign out on all devices?" : "Sign out?"}</h2>
        {everywhere && <p>You have to sign in again here, and everywhere else where you use Hearth.</p>}
        {messages > 0 && (
          <p>
            Messages and changes that are not sent: <strong>{messages}</strong>.
          </p>
        )}
        {drafts > 0 && (
          <p>
            Messages that you have started to write: <strong>{drafts}</strong>.
          </p>
        )}
        {discards && (
          <p>
            If you keep them, they stay in this browser until you sign in here again, and other people who use this
            browser can read them.
          </p>
        )}
        {error && (
          <p class="error" role="alert">
            You could not be signed out on all devices. {error}
          </p>
        )}
        <div class="actions">
          <button type="button" class="button quiet" onClick={onClose}>
            Cancel
          </button>
          {discards && (
            <button type="button" class="button quiet" disabled={busy} onClick={() => signOut({ discard: false })}>
              Keep and sign out
            </button>
          )}
          <button type="button" class="button" disabled={busy} onClick={() => signOut({ discard: discards })}>
            {discards ? "Discard and sign out" : "Sign out"}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
