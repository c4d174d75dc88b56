import type { Me } from "hearth-client";
import { useEffect, useState } from "preact/hooks";
import { useChat } from "./context";
import { Dialog } from "./dialog";
import { errorText } from "./error-text";
import { NotificationSettings } from "./notification-settings";

interface Props {
  onClose(): void;
  onSignOut(choice: { everywhere: boolean }): void;
}

/** The dialog with the user's name and ID, the switch for read receipts, and signing out on all devices. */
export function Account({ onClose, onSignOut }: Props) {
  const { client, user } = useChat();
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
    <Dialog class="form-dialog" label="Your account" onClose={onClose}>
      <div class="content">
        <h2>
          <bdi>{user.name}</bdi>
        </h2>
        {me ? (
          <div>
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
          </div>
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
        <NotificationSettings />
        <div class="field">
          <p class="hint">
            Your ID: <bdi class="id">{user.id}</bdi>
          </p>
          <CopyId id={user.id} />
        </div>
        <div class="actions">
          <button
            type="button"
            class="button quiet"
            onClick={() => {
              onClose();
              onSignOut({ everywhere: true });
            }}
          >
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

/** A button that copies the user's ID. Others need it if they do not find the user by name. */
function CopyId({ id }: { id: string }) {
  const [copied, setCopied] = useState(false);
  async function copy() {
    await navigator.clipboard.writeText(id);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  }
  return (
    <button type="button" class="link-button" onClick={copy}>
      <span role="status">{copied ? "Copied" : "Copy your ID"}</span>
    </button>
  );
}
