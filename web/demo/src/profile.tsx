import type { Me } from "hearth-client";
import { useEffect, useState } from "preact/hooks";
import { useChat } from "./context";
import { Dialog } from "./dialog";
import { errorText } from "./error-text";
import { NotificationSettings } from "./notification-settings";
import { Picture } from "./picture";
import { StorageSettings } from "./storage-settings";
import "./styles/profile.css";

interface Props {
  onClose(): void;
  onSignOut(choice: { everywhere: boolean }): void;
}

/** The dialog with the user's name and picture, their settings, and the ways to sign out. */
export function Profile({ onClose, onSignOut }: Props) {
  const { user } = useChat();
  const signOut = (everywhere: boolean) => {
    onClose();
    onSignOut({ everywhere });
  };
  return (
    <Dialog class="form-dialog profile" label="Your account" onClose={onClose}>
      <div class="content">
        <div>
          <h2>
            <bdi>{user.name}</bdi>
          </h2>
          <p class="hint">Your name is that of your account. The person who manages the accounts can change it.</p>
        </div>
        <Picture />
        <NotificationSettings />
        <Receipts />
        <StorageSettings />
        <div class="actions">
          <button type="button" class="button quiet" onClick={() => signOut(false)}>
            Sign out
          </button>
          <button type="button" class="button quiet" onClick={() => signOut(true)}>
            Sign out on all devices
          </button>
          <button type="button" class="button" onClick={onClose}>
            Close
          </button>
        </div>
      </div>
    </Dialog>
  );
}

/** The switch for read receipts. */
function Receipts() {
  const { client } = useChat();
  const [me, setMe] = useState<Me>();
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  /** What the user has chosen, until it is stored. */
  const [wanted, setWanted] = useState<boolean>();

  async function run(call: () => Promise<Me>) {
    setBusy(true);
    setError(undefined);
    try {
      setMe(await call());
    } catch (error) {
      setError(errorText(error));
    }
    setWanted(undefined);
    setBusy(false);
  }
  const load = () => run(() => client.api.me());
  useEffect(() => {
    load();
  }, [client]);

  return (
    <div>
      {me ? (
        <>
          <label class="switch">
            <input
              type="checkbox"
              checked={wanted ?? me.receipts}
              disabled={busy}
              aria-describedby="receipts-hint"
              onChange={(event) => {
                const receipts = event.currentTarget.checked;
                setWanted(receipts);
                run(() => client.api.updateMe({ receipts }));
              }}
            />
            Share read receipts
          </label>
          <p class="hint" id="receipts-hint">
            The members of your conversations see how far you have read.
          </p>
        </>
      ) : (
        busy && <p class="hint">Loading …</p>
      )}
      {error && (
        <p class="error" role="alert">
          {error}{" "}
          {!me && (
            <button type="button" class="link-button" onClick={load}>
              Try again
            </button>
          )}
        </p>
      )}
    </div>
  );
}
