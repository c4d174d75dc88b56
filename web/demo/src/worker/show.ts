import type { Reading } from "./messages.ts";
import type { Notice } from "./notice.ts";

/**
 * How long the service worker waits for the answer of a page, in milliseconds. A page that is frozen does not answer.
 */
const ANSWER_MS = 500;

/** The data of a notification: the URL that a click opens, and the time by which a repeated message is recognized. */
export interface NoticeData {
  url: string;
  timestamp: number | undefined;
}

/** The parts of the service worker's scope that `show` uses. */
export interface Surroundings {
  registration: Pick<ServiceWorkerRegistration, "scope" | "showNotification" | "getNotifications">;
  clients: Pick<Clients, "matchAll">;
}

/**
 * Shows a push message. Each push message shows a notification, also if the user sees the message in the page at this
 * moment: Safari ends the subscription of a page that shows none, and Firefox limits the number of push messages
 * without one. But a message makes a sound at most once:
 * - A page that is visible and live has shown or announced the message, so the notification is silent. If the page
 *   shows the message's thread, the notification closes at once.
 * - A push service or the server may send a message twice. If the same message is still shown, the notification is
 *   silent.
 * - Otherwise each message makes a sound, also if its notification replaces an earlier one of the same thread.
 */
export async function show(notice: Notice, { registration, clients }: Surroundings): Promise<void> {
  const { title, body, tag, url, timestamp } = notice;
  const readings = await readVisiblePages(clients, registration.scope);
  const shown = await registration.getNotifications({ tag });
  const repeated = shown.some(
    (other) =>
      other.title === title && other.body === body && (other.data as NoticeData | null)?.timestamp === timestamp,
  );
  const silent = repeated || readings.some(({ live }) => live);
  const data: NoticeData = { url, timestamp };
  const icon = (name: string) => new URL(`icons/${name}`, registration.scope).href;
  await registration.showNotification(title, {
    body,
    tag,
    data,
    icon: icon("icon-192.png"),
    badge: icon("badge-96.png"),
    silent,
    ...{ renotify: !silent, timestamp: timestamp ?? Date.now() }, // not in TypeScript's types yet
  });
  if (readings.some(({ live, threadId }) => live && threadId === tag)) {
    for (const notification of await registration.getNotifications({ tag })) notification.close();
  }
}

/** Asks all visible pages what they show. */
async function readVisiblePages(clients: Surroundings["clients"], scope: string): Promise<Reading[]> {
  const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const visible = windows.filter(({ url, visibilityState }) => url.startsWith(scope) && visibilityState === "visible");
  const readings = await Promise.all(visible.map(ask));
  return readings.filter((reading) => reading !== undefined);
}

function ask(page: WindowClient): Promise<Reading | undefined> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const finish = (reading: Reading | undefined) => {
      clearTimeout(timer);
      port1.close();
      resolve(reading);
    };
    const timer = setTimeout(() => finish(undefined), ANSWER_MS);
    port1.onmessage = ({ data }: MessageEvent<Reading>) => finish(data);
    page.postMessage({ type: "reading" }, [port2]);
  });
}
