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
  const { status, nextTryAt } = useStore(client.connection);
  return (
    <div class="connection" data-status={status}>
      <span role="status">{LABELS[status]}</span>
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
  return <span aria-hidden="true">next attempt in {Math.max(0, Math.ceil((until - now) / 1000))} s</span>;
}
