import type { Browser, BrowserContextOptions, Route } from "playwright-core";
import { Person } from "./browser.ts";

/** What the tests' browser has done, as the page's `sessionStorage` keeps it. */
export interface PushBrowser {
  /** How often the page has asked for permission. */
  questions: number;
  permission: NotificationPermission;
  /** The ID of the subscription; null if there is none. */
  subscription: number | null;
}

/** A request of the page for its subscription. */
export interface Registration {
  method: string;
  path: string;
  body: { endpoint?: string } | null;
}

export interface Deployment {
  /** The user's answer when the page asks for permission. */
  answer?: NotificationPermission;
  permission?: NotificationPermission;
  /** An iPhone, on which the page is not on the Home Screen. */
  needsHomeScreen?: boolean;
  /** The problem with which the server refuses to tell its key, or to register the device. */
  keyProblem?: object;
  registerProblem?: object;
}

/**
 * Opens the page in a browser with a push service of its own, because Chromium on Debian has none, and with answers to
 * the page's requests for subscriptions. Returns the person, the requests, and the state of the browser.
 */
export async function openWithPush(
  browser: Browser,
  name: string,
  deployment: Deployment = {},
  options: BrowserContextOptions = {},
): Promise<{ person: Person; requests: Registration[]; state(): Promise<PushBrowser> }> {
  const { answer = "granted", permission = "default", needsHomeScreen = false } = deployment;
  const person = await Person.open(browser, name, options);
  const { page } = person;
  const requests: Registration[] = [];
  await page.addInitScript(simulate, { answer, permission, needsHomeScreen });
  const reply = (route: Route, status: number, json?: object) =>
    route.fulfill({ status, headers: { "access-control-allow-origin": "*" }, ...(json && { json }) });
  const refuse = (route: Route, problem: object) =>
    reply(route, 0 + (problem as { status: number }).status, { type: "about:blank", title: "Refused", ...problem });
  await page.route(/\/api\/push-key$/, (route) => {
    const { keyProblem } = deployment;
    return keyProblem ? refuse(route, keyProblem) : reply(route, 200, { publicKey: "B".repeat(87) });
  });
  await page.route(/\/api\/push-subscriptions/, (route) => {
    const request = route.request();
    const method = request.method();
    if (method === "OPTIONS") return route.fallback();
    requests.push({
      method,
      path: new URL(request.url()).pathname.split("/api")[1] ?? "",
      body: request.postDataJSON(),
    });
    if (method === "DELETE") return reply(route, 204);
    const { registerProblem } = deployment;
    return registerProblem ? refuse(route, registerProblem) : reply(route, 200, { id: "push_1" });
  });
  await page.reload();
  const state = () => page.evaluate(() => JSON.parse(sessionStorage.getItem("push-browser") ?? "{}") as PushBrowser);
  return { person, requests, state };
}

/** Runs in the page: replaces the browser's push service and its question for permission. */
function simulate({
  answer,
  permission,
  needsHomeScreen,
}: Required<Pick<Deployment, "answer" | "permission" | "needsHomeScreen">>) {
  const read = (): PushBrowser =>
    JSON.parse(
      sessionStorage.getItem("push-browser") ?? JSON.stringify({ questions: 0, permission, subscription: null }),
    );
  const change = (changes: Partial<PushBrowser>) =>
    sessionStorage.setItem("push-browser", JSON.stringify({ ...read(), ...changes }));
  change({});
  if (needsHomeScreen) {
    Object.defineProperty(navigator, "standalone", { value: false });
    Object.defineProperty(ServiceWorkerRegistration.prototype, "pushManager", { value: undefined });
    return;
  }
  Object.defineProperty(Notification, "permission", { get: () => read().permission });
  Notification.requestPermission = async () => {
    if (!navigator.userActivation.isActive) throw new Error("The page asked for permission without a click.");
    change({ questions: read().questions + 1, permission: answer });
    return answer;
  };
  const subscription = (id: number) => ({
    toJSON: () => ({ endpoint: `https://push.example/${id}`, keys: { p256dh: "B".repeat(87), auth: "A".repeat(22) } }),
    unsubscribe: async () => {
      change({ subscription: null });
      return true;
    },
  });
  const current = () => {
    const { subscription: id } = read();
    return id === null ? null : subscription(id);
  };
  Object.assign(PushManager.prototype, {
    getSubscription: async () => current(),
    subscribe: async () => {
      if (read().permission !== "granted") throw new DOMException("permission denied", "NotAllowedError");
      change({ subscription: 1 });
      return current();
    },
  });
}
