import type { CDPSession, Worker } from "playwright-core";
import { type Person, stack, waitUntil } from "./browser.ts";

/** A notification as the system shows it. */
export interface Shown {
  title: string;
  body: string;
  tag: string;
  silent: boolean;
}

/** The service worker of a person's page, and the notifications that it has shown. */
export class Device {
  readonly #person: Person;
  readonly #session: CDPSession;
  readonly #registration: string;
  readonly worker: Worker;

  private constructor(person: Person, session: CDPSession, registration: string, worker: Worker) {
    this.#person = person;
    this.#session = session;
    this.#registration = registration;
    this.worker = worker;
  }

  /** Waits until the page's service worker runs. The page's context needs the permission `notifications`. */
  static async of(person: Person): Promise<Device> {
    const context = person.page.context();
    await person.page.evaluate(() => navigator.serviceWorker.ready);
    const session = await context.newCDPSession(person.page);
    const registration = new Promise<string>((resolve) => {
      session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations: [first] }) => {
        if (first) resolve(first.registrationId);
      });
    });
    await session.send("ServiceWorker.enable");
    const [worker] = context.serviceWorkers();
    if (!worker) throw new Error("The service worker does not run.");
    return new Device(person, session, await registration, worker);
  }

  /** Delivers a push message with this content, as the browser does for a push service. */
  async push(data: string): Promise<void> {
    const origin = new URL(this.#person.page.url()).origin;
    await this.#session.send("ServiceWorker.deliverPushMessage", { origin, registrationId: this.#registration, data });
  }

  /** Delivers a push message as the server sends it for a new message of a thread. */
  async pushMessage(threadId: string, title: string, body: string, badge = 1): Promise<void> {
    await this.push(
      JSON.stringify({
        web_push: 8030,
        notification: { title, body, navigate: `${stack.pageUrl}#${threadId}`, tag: threadId },
        app_badge: badge,
      }),
    );
  }

  /** Returns the notifications that the system shows. */
  notifications(): Promise<Shown[]> {
    return this.#person.page.evaluate(async () => {
      const shown = await (await navigator.serviceWorker.ready).getNotifications();
      return shown.map(({ title, body, tag, silent }) => ({ title, body, tag, silent: silent === true }));
    });
  }

  /** Waits until the system shows these notifications, in any order. */
  async waitForNotifications(...expected: Shown[]): Promise<void> {
    const text = (list: Shown[]) => JSON.stringify(list.map((shown) => JSON.stringify(shown)).sort());
    await waitUntil(`the notifications ${text(expected)}`, async () => {
      return text(await this.notifications()) === text(expected);
    });
  }

  /**
   * Clicks on a notification. The tests cannot click on a notification of the system, so the worker receives an event
   * like the browser's.
   */
  async click(tag: string): Promise<void> {
    await this.worker.evaluate(async (tag) => {
      const scope = globalThis as unknown as {
        registration: ServiceWorkerRegistration;
        NotificationEvent: new (type: string, options: { notification?: Notification }) => Event;
        dispatchEvent(event: Event): void;
      };
      const [notification] = await scope.registration.getNotifications({ tag });
      if (!notification) throw new Error(`No notification has the tag ${tag}.`);
      scope.dispatchEvent(new scope.NotificationEvent("notificationclick", { notification }));
    }, tag);
  }
}
