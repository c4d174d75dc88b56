import { readFileSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from "playwright-core";

/** The fields of the local cloud's `stack.json` that the tests use. `HEARTH_STACK` is the path of that file. */
interface Stack {
  pageUrl: string;
  apiUrl: string;
  wsUrl: string;
  endpointUrl: string;
  clientId: string;
  chatTable: string;
  users: { id: string; name: string; email: string; password: string }[];
}

/** How long a test waits for a condition, in milliseconds. The time is long, because the machine may be busy. */
export const TIMEOUT_MS = 60_000;

export const stack: Stack = JSON.parse(readFileSync(process.env.HEARTH_STACK ?? "../../.local/stack.json", "utf8"));

export function launch(...extraArgs: string[]): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...extraArgs,
    ],
  });
}

/** A demo user with their own browser context, so that several users can be signed in at the same time. */
export class Person {
  /** Uncaught exceptions of the page and errors in its console. `close` throws if there are any. */
  readonly errors: string[] = [];

  readonly page: Page;
  readonly name: string;

  private constructor(page: Page, name: string) {
    this.page = page;
    this.name = name;
    page.setDefaultTimeout(TIMEOUT_MS);
    page.on("pageerror", (error) => this.errors.push(String(error.stack ?? error)));
    page.on("console", (message) => {
      // The browser logs failed requests as errors. They do not count, because tests make requests fail on purpose.
      if (message.type() === "error" && !/Failed to load resource|blocked by CORS policy/.test(message.text()))
        this.errors.push(message.text());
    });
  }

  /** Opens the page without signing in. With `serviceWorkers: "block"`, the browser has no service workers. */
  static async open(browser: Browser, name: string, options: BrowserContextOptions = {}): Promise<Person> {
    const { serviceWorkers, ...others } = options;
    const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, locale: "en-GB", ...others });
    if (serviceWorkers === "block")
      await context.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, "serviceWorker"));
    const person = new Person(await context.newPage(), name);
    await person.page.goto(stack.pageUrl);
    return person;
  }

  /** Opens the page and signs in as the demo user with the given name. */
  static async signedIn(browser: Browser, name: string, options?: BrowserContextOptions): Promise<Person> {
    const person = await Person.open(browser, name, options);
    await person.signIn();
    return person;
  }

  /** Opens the page in another tab of the same browser. `close` of one of the tabs closes all of them. */
  async newTab(): Promise<Person> {
    const tab = new Person(await this.page.context().newPage(), this.name);
    await tab.page.goto(stack.pageUrl);
    return tab;
  }

  async signIn(): Promise<void> {
    await this.page.getByRole("button", { name: `Sign in as ${this.name}` }).click();
    await this.page.getByRole("heading", { name: "Hearth", exact: true }).waitFor();
  }

  async openThread(title: string): Promise<void> {
    await this.threadLink(title).click();
    await this.page.getByRole("heading", { name: title }).waitFor();
  }

  /** Simulates that the user goes to another browser tab, or returns from it. */
  async setPageVisible(visible: boolean): Promise<void> {
    await this.page.evaluate(
      (state) => {
        Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      },
      visible ? "visible" : "hidden",
    );
  }

  /** Returns the link to a conversation in the list of conversations. */
  threadLink(title: string): Locator {
    return this.page.locator(".sidebar").getByRole("link", { name: title });
  }

  /** Returns the number of unread messages that the list shows for a conversation; 0 if it shows none. */
  async unread(title: string): Promise<number> {
    const [badge = "0"] = await this.threadLink(title).locator(".unread").allTextContents();
    return Number.parseInt(badge, 10);
  }

  /** Waits until the list shows this number of unread messages for a conversation. */
  async waitForUnread(title: string, expected: number): Promise<void> {
    await this.threadLink(title).waitFor();
    await waitUntil(`${title} has ${expected} unread messages`, async () => (await this.unread(title)) === expected);
  }

  /** In the dialog for a new conversation, adds somebody by their ID. */
  async addById(id: string): Promise<void> {
    const field = this.page.getByLabel("User ID");
    if (!(await field.isVisible())) await this.page.getByText("Add someone by ID").click();
    await field.fill(id);
    await field.press("Enter");
    await this.page.getByRole("button", { name: `Remove ${id}` }).waitFor();
  }

  /** Chooses a command in the menu of the open conversation. */
  async chooseInMenu(command: string): Promise<void> {
    await this.page.getByRole("button", { name: "Conversation menu" }).click();
    await this.page.getByRole("button", { name: command, exact: true }).click();
  }

  /** Returns the composer's field. */
  get field(): Locator {
    return this.page.getByRole("textbox", { name: "Message" });
  }

  async send(text: string): Promise<void> {
    await this.field.fill(text);
    await this.field.press("Enter");
  }

  /** Moves the mouse onto a message and opens the message's menu. Returns the menu. */
  async openMessageMenu(text: string): Promise<Locator> {
    await this.message(text).hover();
    await this.message(text).getByRole("button", { name: "Actions for" }).click();
    const menu = this.page.getByRole("menu");
    await menu.waitFor();
    return menu;
  }

  /** Chooses a command or an emoji in the menu of a message. */
  async chooseFor(text: string, command: string): Promise<void> {
    const menu = await this.openMessageMenu(text);
    await menu.getByText(command, { exact: true }).click();
    await menu.waitFor({ state: "detached" });
  }

  /**
   * Returns the list item of the message with the given text. Ignores the quotes in messages, which may contain this
   * text, too.
   */
  message(text: string): Locator {
    return this.page.locator("li.message", { has: this.page.locator(".body > :not(.quote)", { hasText: text }) });
  }

  /** Waits until the page shows a message with the given text as sent. */
  async waitForMessage(text: string): Promise<void> {
    await this.message(text).and(this.page.locator("[data-state=sent]")).first().waitFor();
  }

  /** Returns the texts of all messages on the page, in order. */
  messageTexts(): Promise<string[]> {
    return this.page.locator("li.message .bubble").allTextContents();
  }

  /** Waits until the live connection has the given state. While the connection is live, the page shows no state. */
  async waitForConnection(state: "Live" | "Offline"): Promise<void> {
    if (state === "Live") await this.page.locator(".connection[data-status=live]").waitFor({ state: "attached" });
    else await this.page.locator(".connection [role=status]", { hasText: state }).waitFor();
  }

  /** Closes the browser context. Throws if the page had errors. */
  async close(): Promise<void> {
    await this.page.context().close();
    if (this.errors.length > 0) throw new Error(`${this.name}'s page had errors:\n${this.errors.join("\n")}`);
  }
}

/** Returns the ID of a demo user. Throws if `stack.json` has no user with the given name. */
export function idOf(name: string): string {
  const user = stack.users.find((user) => user.name === name);
  if (!user) throw new Error(`stack.json has no demo user named ${name}.`);
  return user.id;
}

const tokens = new Map<string, Promise<string>>();

function token(name: string): Promise<string> {
  const known = tokens.get(name) ?? signIn(name);
  tokens.set(name, known);
  return known;
}

async function signIn(name: string): Promise<string> {
  const user = stack.users.find((user) => user.name === name);
  const response = await fetch(stack.endpointUrl, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": "AWSCognitoIdentityProviderService.InitiateAuth",
    },
    body: JSON.stringify({
      ClientId: stack.clientId,
      AuthFlow: "USER_PASSWORD_AUTH",
      AuthParameters: { USERNAME: user?.email, PASSWORD: user?.password },
    }),
  });
  const answer = (await response.json()) as { AuthenticationResult: { IdToken: string } };
  return answer.AuthenticationResult.IdToken;
}

/** Sends a request to the API as a demo user, without a browser. Tests create their data with it. */
export async function call<T>(name: string, method: string, path: string, content?: object): Promise<T> {
  const response = await fetch(`${stack.apiUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${await token(name)}`, "content-type": "application/json" },
    body: content ? JSON.stringify(content) : null,
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

export function post(name: string, path: string, content: object): Promise<{ id: string }> {
  return call(name, "POST", path, content);
}

/** Moves a demo user's read mark of a thread to the message with this `seq`. */
export async function markRead(name: string, threadId: string, seq: number): Promise<void> {
  await call(name, "PUT", `/api/threads/${threadId}/read`, { seq });
}

/** Marks all messages in all threads of a demo user as read. */
export async function markAllRead(name: string): Promise<void> {
  interface Page {
    threads: { id: string; lastSeq: number; unreadCount: number }[];
    nextCursor: string | null;
  }
  for (let cursor: string | null = ""; cursor !== null; ) {
    const query: string = cursor && `&cursor=${encodeURIComponent(cursor)}`;
    const page: Page = await call<Page>(name, "GET", `/api/threads?limit=100${query}`);
    const unread = page.threads.filter(({ unreadCount }) => unreadCount > 0);
    for (const { id, lastSeq } of unread) await markRead(name, id, lastSeq);
    cursor = page.nextCursor;
  }
}

/**
 * Creates a user who never acts, and returns their ID. Writes the user's profile into the local cloud's table, as if
 * the user had called the API once. Only users with a profile can become members of a thread.
 */
export async function knownUser(id = `guest-${crypto.randomUUID()}`): Promise<string> {
  const row = { pk: { S: `USER#${id}` }, sk: { S: "PROFILE" }, id: { S: id } };
  await callTable("PutItem", { TableName: stack.chatTable, Item: row });
  return id;
}

/** Calls DynamoDB of the local cloud as its administrator. */
export async function callTable(operation: string, content: object): Promise<void> {
  const response = await fetch(stack.endpointUrl, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": `DynamoDB_20120810.${operation}`,
      // The local cloud treats calls with the key `test` as its administrator's, and does not check the signature.
      authorization: "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request",
    },
    body: JSON.stringify(content),
  });
  if (!response.ok) throw new Error(`${operation}: ${response.status} ${await response.text()}`);
}

/**
 * Creates a thread that no other test uses, and returns its ID. A random extra member makes its member set unique,
 * since a second create with the same members would return the existing thread.
 */
export async function newThread(title: string, ...names: string[]): Promise<string> {
  const [creator = "Sarah"] = names;
  const memberIds = [...names.map(idOf), await knownUser()];
  return (await post(creator, "/api/threads", { memberIds, title })).id;
}

export function sendMessage(name: string, threadId: string, body: string): Promise<{ id: string }> {
  return post(name, `/api/threads/${threadId}/messages`, { body });
}

/** Waits until `condition` is true. Throws after a timeout; the error contains `description`. */
export async function waitUntil(description: string, condition: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + TIMEOUT_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`Timed out after ${TIMEOUT_MS / 1000} s. Expected: ${description}.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
