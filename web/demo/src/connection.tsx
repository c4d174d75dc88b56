import type { ConnectionState } from "hearth-client";
import { useEffect, useState } from "preact/hooks";
import { useChat } from "./context";
import { useStore } from "./store";

const WORDS = {
  live: "Live",
  connecting: "Connecting …",
  "catching-up": "Catching up …",
  offline: "Offline",
} satisfies Record<ConnectionState["status"], string>;

/** How the live connection stands; while there is none, when it is tried again. */
export function Connection() {
  const { client } = useChat();
  const { status, nextTryAt } = useStore(client.connection);
  return (
    <div class="connection" data-status={status}>
      <span role="status">{WORDS[status]}</span>
      {status === "offline" && nextTryAt !== null && (
        <>
          {/* Not read out: it changes every second. */}
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
  return <span aria-hidden="true">next try in {Math.max(0, Math.ceil((until - now) / 1000))} s</span>;
}
