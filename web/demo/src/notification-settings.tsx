import { useState } from "preact/hooks";
import { useChat } from "./context";
import { notificationText } from "./notification-text";
import { isSoundOn, setSoundOn } from "./sound";
import { useStore } from "./store";

/** The switches for notifications on this device and for the sound of the page. */
export function NotificationSettings() {
  const { client } = useChat();
  const state = useStore(client.notifications.state);
  const [wanted, choose] = useChoice();
  const [sound, setSound] = useState(isSoundOn);
  const text = notificationText(state);
  return (
    <div>
      {(state.status === "on" || state.status === "off") && (
        <label class="switch">
          <input
            type="checkbox"
            checked={wanted ?? state.status === "on"}
            aria-describedby="notifications-hint"
            onChange={(event) => choose(event.currentTarget.checked)}
          />
          Notifications on this device
        </label>
      )}
      {text && (
        <p class="hint" id="notifications-hint" role="status">
          {text}
        </p>
      )}
      <label class="switch">
        <input
          type="checkbox"
          checked={sound}
          onChange={(event) => {
            setSoundOn(event.currentTarget.checked);
            setSound(event.currentTarget.checked);
          }}
        />
        Sound for new messages
      </label>
    </div>
  );
}

/**
 * Returns the user's latest choice until it is stored or has failed (then undefined), and a function that switches
 * notifications on or off. The function must be called during a click, because browsers ask for permission only then.
 */
export function useChoice(): [wanted: boolean | undefined, choose: (on: boolean) => void] {
  const { client } = useChat();
  const [wanted, setWanted] = useState<{ on: boolean }>();
  return [
    wanted?.on,
    (on) => {
      const choice = { on };
      setWanted(choice);
      const { notifications } = client;
      // The page shows the error from the state of `notifications`. If the user has made another choice meanwhile, that
      // choice stays.
      (on ? notifications.enable() : notifications.disable())
        .catch(() => {})
        .then(() => setWanted((latest) => (latest === choice ? undefined : latest)));
    },
  ];
}
