import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

/** Loads and registers the service worker, which the first paint does not need. */
export function loadServiceWorker(): void {
  import("./service-worker").catch(report);
}

/** Runs what the page of a signed-in user does in the background. Its code is loaded after the first paint. */
export function Background(props: { threadId: string | undefined }) {
  const [Loaded, setLoaded] = useState<ComponentType<typeof props>>();
  useEffect(() => {
    import("./notifications").then(({ Notifications }) => setLoaded(() => Notifications), report);
  }, []);
  return Loaded ? <Loaded {...props} /> : null;
}

function report(error: unknown): void {
  console.warn("A part of the page could not be loaded; there are no notifications until the next start:", error);
}
