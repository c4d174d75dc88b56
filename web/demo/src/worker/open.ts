import type { ToPage } from "./messages.ts";

/** The parts of the service worker's scope that `open` uses. */
export interface Surroundings {
  registration: Pick<ServiceWorkerRegistration, "scope">;
  clients: Pick<Clients, "matchAll" | "openWindow">;
}

/** Shows `url`, which is in the page's folder: in an open page, preferably a visible one, otherwise in a new window. */
export async function open(url: string, { registration, clients }: Surroundings): Promise<void> {
  // The list begins with the page that had the focus last.
  const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const pages = windows.filter((window) => window.url.startsWith(registration.scope));
  const page = pages.find(({ visibilityState }) => visibilityState === "visible") ?? pages[0];
  if (page) {
    // The page navigates itself, because `navigate` works only for pages that this worker controls.
    page.postMessage({ type: "open", hash: new URL(url).hash } satisfies ToPage);
    await page.focus();
  } else {
    await clients.openWindow(url);
  }
}
