import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

// Parts of the page that work in the background for a signed-in user. The first paint does not need their code, so it
// is loaded later.

/** The registration of the service worker; undefined in browsers without service workers, and during development. */
export const serviceWorker =
  import.meta.env.PROD && "serviceWorker" in navigator
    ? import("./service-worker").then(({ registration }) => registration)
    : undefined;

export const Notifications = later(async () => (await import("./notifications")).Notifications);
export const NotificationHint = later(async () => (await import("./notification-hint")).NotificationHint);

/** Returns a component that renders nothing until its code is loaded. */
function later<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  return function Later(props: Props) {
    const [Loaded, setLoaded] = useState<ComponentType<Props>>();
    useEffect(() => {
      load().then(
        (component) => setLoaded(() => component),
        (error) => console.warn("The code for notifications could not be loaded; a reload of the page retries:", error),
      );
    }, []);
    return Loaded ? <Loaded {...props} /> : null;
  };
}
