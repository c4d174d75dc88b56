import type { ConnectionState } from "hearth-client";
import { useEffect, useState } from "preact/hooks";
import { useChat } from "./context";
import { useStore } from "./store";

const LABELS = {
  live: "Live",
  connecting: "Connecting …",
  "catching-up": "Catching up …",
  offline: "Offline",
} satisfies Record<ConnectionState["status"], string>;

/** Shows the state of the live connection and, while offline, the time until the next attempt to connect. */
export function Connection() {
  const { client } = useChat();
  const { status, nextTryAt, error } = useStore(client.connection);
  const displaced = status === "offline" && error?.code === "too_many_connections";
  return (
    <div class="connection" data-status={status}>
      <span role="status">
        {LABELS[status]}
        {displaced && ": Hearth is open in too many places"}
      </span>
      {status === "offline" && nextTryAt !== null && (
        <>
          {/* Hidden from screen readers, because it changes every second. */}
          <Countdown until={nextTryAt} />
          <button type="button" class="link-button" onClick={() => client.reconnectNow()}>
            Try now
          </button>
        </>
      )}
    </div>
  );
}

function Countdown({ until }: { until: number }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.ceil((until - now) / 1000));
  return (
    <span aria-hidden="true">next attempt in {seconds > 90 ? `${Math.ceil(seconds / 60)} min` : `${seconds} s`}</span>
  );
}
