import { Dialog } from "./dialog";

interface Props {
  /** The number of messages, and changes of messages, that are not sent. They are in the browser's storage. */
  messages: number;
  /** The number of conversations with text or files in the composer. They are only in memory. */
  drafts: number;
  onClose(): void;
  onSignOut(choice: { discard: boolean }): void;
}

/** The dialog that asks what happens to unsent messages when the user signs out. */
export function SignOut({ messages, drafts, onClose, onSignOut }: Props) {
  return (
    <Dialog class="form-dialog" label="Sign out" onClose={onClose}>
      <div class="content">
        <h2>Sign out?</h2>
        {messages > 0 && (
          <p>
            Messages and changes that are not sent: <strong>{messages}</strong>. If you keep them, they stay in this
            browser until you sign in here again, and other people who use it can read them.
          </p>
        )}
        {drafts > 0 && (
          <p>
            Messages that you have started to write: <strong>{drafts}</strong>. They are discarded when you sign out.
          </p>
        )}
        <div class="actions">
          <button type="button" class="button quiet" onClick={onClose}>
            Cancel
          </button>
          {messages > 0 && (
            <button type="button" class="button quiet" onClick={() => onSignOut({ discard: false })}>
              Keep and sign out
            </button>
          )}
          <button type="button" class="button" onClick={() => onSignOut({ discard: true })}>
            Discard and sign out
          </button>
        </div>
      </div>
    </Dialog>
  );
}
