import type { Browser, BrowserContextOptions, Page, Route } from "playwright-core";
import { Person } from "./browser.ts";

/** The state of the simulated browser. The page's `sessionStorage` keeps it. */
export interface PushBrowser {
  /** How often the page has asked for permission. */
  questions: number;
  permission: NotificationPermission;
  subscribed: boolean;
}

/** A push subscription, as the page sends it to the server. */
export interface Subscription {
  endpoint: string;
  keys: { p256dh: string; auth: string };
}

/** A subscription for tests in which the server's answers are simulated, too. */
const INVENTED: Subscription = {
  endpoint: "https://push.example/1",
  keys: { p256dh: "B".repeat(87), auth: "A".repeat(22) },
};

/** A request by which the page registers or removes its push subscription. */
export interface Registration {
  method: string;
  path: string;
  body: { endpoint?: string } | null;
}

interface Problem {
  status: number;
  code: string;
  detail: string;
}

export interface Simulation {
  /** The user's answer when the page asks for permission; by default `granted`. */
  answer?: NotificationPermission;
  /** The permission before the page asks; by default, the user has not decided. */
  permission?: NotificationPermission;
  /** Whether the browser is that of an iPhone and the page is not on its Home Screen. */
  needsHomeScreen?: boolean;
  /**
   * The push subscription of a push service that the real server can reach. Without it, the server's answers are
   * simulated.
   */
  subscription?: Subscription;
  /** The problems with which the simulated server refuses to tell its key, or to register the device. */
  keyProblem?: Problem;
  registerProblem?: Problem;
}

/**
 * Opens the page in a browser with a simulated push service, because Chromium on Debian has none. Returns the person, the
 * requests to the simulated server, and the state of the browser.
 */
export async function openWithPush(
  browser: Browser,
  name: string,
  simulation: Simulation = {},
  options: BrowserContextOptions = {},
): Promise<{ person: Person; requests: Registration[]; state(): Promise<PushBrowser> }> {
  const person = await Person.open(browser, name, options);
  const { page } = person;
  const requests: Registration[] = [];
  await page.addInitScript(simulateBrowser, { subscription: INVENTED, ...simulation });
  if (!simulation.subscription) await simulateServer(page, simulation, requests);
  await page.reload();
  const state = () => page.evaluate(() => JSON.parse(sessionStorage.getItem("push-browser") ?? "{}") as PushBrowser);
  return { person, requests, state };
}

/** Answers the page's requests for subscriptions, and records them. */
async function simulateServer(page: Page, simulation: Simulation, requests: Registration[]): Promise<void> {
  const { keyProblem, registerProblem } = simulation;
  const reply = (route: Route, status: number, json?: object) =>
    route.fulfill({ status, headers: { "access-control-allow-origin": "*" }, ...(json && { json }) });
  const refuse = (route: Route, problem: Problem) =>
    reply(route, problem.status, { type: "about:blank", title: "Refused", ...problem });
  await page.route(/\/api\/push-key$/, (route) =>
    keyProblem ? refuse(route, keyProblem) : reply(route, 200, { publicKey: "B".repeat(87) }),
  );
  await page.route(/\/api\/push-subscriptions/, (route) => {
    const request = route.request();
    const [method, path = ""] = [request.method(), new URL(request.url()).pathname.split("/api")[1]];
    if (method === "OPTIONS") return route.fallback();
    requests.push({ method, path, body: request.postDataJSON() });
    if (method === "DELETE") return reply(route, 204);
    return registerProblem ? refuse(route, registerProblem) : reply(route, 200, { id: "push_1" });
  });
}

/** Runs in the page: replaces the browser's push service and its question for permission. */
function simulateBrowser(simulation: Simulation & { subscription: Subscription }) {
  const { answer = "granted", permission = "default", needsHomeScreen = false, subscription } = simulation;
  const read = (): PushBrowser => {
    const stored = sessionStorage.getItem("push-browser");
    return stored ? JSON.parse(stored) : { questions: 0, permission, subscribed: false };
  };
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
  const subscribed = {
    toJSON: () => subscription,
    unsubscribe: async () => {
      change({ subscribed: false });
      return true;
    },
  };
  Object.assign(PushManager.prototype, {
    getSubscription: async () => (read().subscribed ? subscribed : null),
    subscribe: async () => {
      if (read().permission !== "granted") throw new DOMException("permission denied", "NotAllowedError");
      change({ subscribed: true });
      return subscribed;
    },
  });
}
