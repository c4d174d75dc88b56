import { readThreadId } from "./router";
import type { ToPage, ToWorker } from "./worker/messages";

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

/** Whether the page is live. */
let isLive = () => false;

/** Tells the service worker, when it asks, whether the page is live. Returns a function that ends this. */
export function reportLive(live: () => boolean): () => void {
  isLive = live;
  return () => {
    isLive = () => false;
  };
}

/**
 * The registration of the service worker. Rejects if the browser has no service workers or refuses this one, such as
 * during development. Then the page has no notifications and does not open offline.
 */
export const registration: Promise<ServiceWorkerRegistration> = register();
registration.then(offerTakeOver, (error) => console.warn("The service worker could not be registered:", error));

async function register(): Promise<ServiceWorkerRegistration> {
  if (import.meta.env.DEV) throw new Error("There is no service worker during development.");
  const workers = navigator.serviceWorker;
  if (!workers) throw new Error("This browser has no service workers.");
  workers.addEventListener("message", receive);
  workers.startMessages();
  return workers.register(trusted("./service-worker.js"));
}

/** Allows this URL, the only one, as a script's under the page's policy. */
function trusted(url: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  return trustedTypes?.createPolicy("service-worker", { createScriptURL: () => url }).createScriptURL(url) ?? url;
}

function receive({ data, ports: [port] }: MessageEvent<ToPage>): void {
  if (data.type === "open") location.hash = data.hash;
  else if (data.type === "reading") port?.postMessage({ threadId: readThreadId(), live: isLive() });
}

/** Tells new service workers, which wait, the deployment of this page. */
function offerTakeOver(registration: ServiceWorkerRegistration): void {
  const offer = () => {
    const script = document.querySelector<HTMLScriptElement>("script[type=module]")?.src ?? "";
    registration.waiting?.postMessage({ type: "take-over", script } satisfies ToWorker);
  };
  offer();
  registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", offer));
}
