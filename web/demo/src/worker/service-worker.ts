/**
 * The page's service worker: shows notifications, and opens the page offline. It has no access to the session, and never
 * caches answers of the API, files, or config.json.
 */
import type { ToWorker } from "./messages.ts";
import { parseNotice } from "./notice.ts";
import { open } from "./open.ts";
import { type Deployment, Shell } from "./shell.ts";
import { type NoticeData, show } from "./show.ts";

declare const self: ServiceWorkerGlobalScope;
/** The build inserts the value of this constant. */
declare const DEPLOYMENT: Deployment;

const { scope } = self.registration;
const shell = new Shell(DEPLOYMENT, scope, self.caches);

/**
 * An install event with `addRoutes`, by which requests go past the worker. Not all browsers have it, and TypeScript's
 * types do not.
 */
interface RoutingInstallEvent extends ExtendableEvent {
  addRoutes?(rule: { condition: { or: { requestMethod: string }[] }; source: "network" }): Promise<void>;
}

self.addEventListener("install", (event: RoutingInstallEvent) => {
  // A request that a page makes while it closes, such as a deletion, would be lost if it had to wait for this worker.
  // So these requests go directly to the network. In browsers without `addRoutes`, the page repeats a lost request at
  // its next start.
  const condition = { or: ["DELETE", "PATCH", "POST", "PUT"].map((requestMethod) => ({ requestMethod })) };
  event.waitUntil(Promise.all([shell.install(), event.addRoutes?.({ condition, source: "network" })]));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(shell.activate().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const response = shell.respond(event.request);
  if (response) event.respondWith(response);
});

// A new worker waits until no page of the old deployment is open, because the new worker deletes the old files from the
// cache.
self.addEventListener("message", (event) => {
  const message = event.data as ToWorker | null;
  if (message?.type === "take-over" && shell.has(message.script)) event.waitUntil(takeOverIfAlone());
});

async function takeOverIfAlone(): Promise<void> {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (windows.filter(({ url }) => url.startsWith(scope)).length === 1) await self.skipWaiting();
}

self.addEventListener("push", (event) => {
  const notice = parseNotice(event.data?.text(), scope);
  event.waitUntil(Promise.all([show(notice, self), setBadge(notice.badge)]));
});

async function setBadge(count: number | undefined): Promise<void> {
  if (count !== undefined) await self.navigator.setAppBadge?.(count);
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open((event.notification.data as NoticeData).url, self));
});
