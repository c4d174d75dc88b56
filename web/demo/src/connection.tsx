import type { ConnectionState } from "hearth-client";
import { useEffect, useState } from "preact/hooks";
import { useChat } from "./context";
import { useStore } from "./store";

const TROUBLE = {
  connecting: "Connecting …",
  "catching-up": "Catching up …",
  offline: "Offline",
} satisfies Record<Exclude<ConnectionState["status"], "live">, string>;

/**
 * The bar appears after this time without a live connection, in milliseconds, or at once after an error. Connecting
 * usually takes less time.
 */
const PATIENCE_MS = 1_500;

/**
 * A thin bar above the page while the live connection is interrupted, with the time until the next attempt to connect.
 * While the connection is live, the bar is not visible.
 */
export function Connection() {
  const { client } = useChat();
  const { status, nextTryAt, error } = useStore(client.connection);
  const [late, setLate] = useState(false);
  const [interrupted, setInterrupted] = useState(false);
  const live = status === "live";
  const waits = nextTryAt !== null;
  useEffect(() => {
    setLate(false);
    if (live) return;
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [live]);
  const shown = !live && (late || error !== null);
  useEffect(() => {
    if (shown) setInterrupted(true);
  }, [shown]);
  const displaced = status === "offline" && error?.code === "too_many_connections";

  return (
    <div class="connection" data-status={status} data-shown={shown}>
      <span role="status">
        {shown && TROUBLE[status]}
        {shown && displaced && ": Hearth is open in too many places"}
        {live && interrupted && <span class="hidden">Connected again</span>}
      </span>
      {status === "offline" && waits && (
        <>
          {/* The countdown is hidden from screen readers, because it changes every second. */}
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
