import { useState } from "preact/hooks";
import { useChat } from "./context";
import { useChoice } from "./notification-settings";
import { notificationText } from "./notification-text";
import { useStore } from "./store";
import "./styles/notification-hint.css";

/** The browser's storage item that says that the user does not want to see the hint again. */
const KEY = "hearth-notification-hint";

/** Offers notifications to a user who has not decided about them, until the user decides or closes the offer. */
export function NotificationHint() {
  const { client } = useChat();
  const state = useStore(client.notifications.state);
  const [wanted, choose] = useChoice();
  const [closed, setClosed] = useState(() => localStorage.getItem(KEY) !== null);
  const [asked, setAsked] = useState(false);
  const { status, busy } = state;
  const decided = status === "on" || (!asked && (busy || status === "denied"));
  const text = notificationText(state);
  if (closed || decided || !text) return null;

  function close() {
    localStorage.setItem(KEY, "closed");
    setClosed(true);
  }

  return (
    <aside class="notification-hint" aria-label="Notifications">
      <p role={asked ? "status" : undefined}>{text}</p>
      <div class="actions">
        {status === "off" && (
          <button
            type="button"
            class="link-button"
            disabled={wanted !== undefined}
            onClick={() => {
              setAsked(true);
              choose(true);
            }}
          >
            {wanted ? "One moment …" : "Turn on"}
          </button>
        )}
        <button type="button" class="link-button" onClick={close}>
          {status === "off" ? "Not now" : "Close"}
        </button>
      </div>
    </aside>
  );
}
