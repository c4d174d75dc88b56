import { isLive } from "./live";
import { readThreadId } from "./router";
import type { ToPage, ToWorker } from "./worker/messages";

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

const workers = navigator.serviceWorker;
workers.addEventListener("message", receive);
workers.startMessages();

/**
 * The registration of the service worker. Rejects if the browser refuses it. Then the page has no notifications and does
 * not open offline.
 */
export const registration: Promise<ServiceWorkerRegistration> = afterLoad().then(() =>
  workers.register(trusted("./service-worker.js")),
);
registration.then(offerTakeOver, (error) =>
  console.warn(
    "The service worker could not be registered; the page has no notifications and does not open offline:",
    error,
  ),
);

/**
 * Waits until the page has loaded. Otherwise, the worker's download of all files of the page would slow down its
 * loading.
 */
async function afterLoad(): Promise<void> {
  if (document.readyState === "complete") return;
  await new Promise((resolve) => addEventListener("load", resolve, { once: true }));
}

/**
 * Returns the URL as a trusted one, because the page's policy (Trusted Types) allows no other URL for a script. Trusts
 * only this URL.
 */
function trusted(url: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  return trustedTypes?.createPolicy("service-worker", { createScriptURL: () => url }).createScriptURL(url) ?? url;
}

function receive({ data, ports: [port] }: MessageEvent<ToPage>): void {
  if (data.type === "open") location.hash = data.hash;
  else if (data.type === "reading") port?.postMessage({ threadId: readThreadId(), live: isLive() });
}

/**
 * Tells each service worker that waits for its activation the main script of this page. The worker takes over if it is
 * of the same deployment.
 */
function offerTakeOver(registration: ServiceWorkerRegistration): void {
  const offer = () => {
    const script = document.querySelector<HTMLScriptElement>("script[type=module]")?.src ?? "";
    registration.waiting?.postMessage({ type: "take-over", script } satisfies ToWorker);
  };
  offer();
  registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", offer));
}
