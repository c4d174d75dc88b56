import { readFileSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from "playwright-core";

/** What the tests need of the local cloud's `stack.json`, which `HEARTH_STACK` names. */
interface Stack {
  pageUrl: string;
  apiUrl: string;
  wsUrl: string;
  endpointUrl: string;
  clientId: string;
  users: { id: string; name: string; email: string; password: string }[];
}

/** How long a condition may take to come true: the machine may be busy. */
export const PATIENCE = 60_000;

export const stack: Stack = JSON.parse(readFileSync(process.env.HEARTH_STACK ?? "../../.local/stack.json", "utf8"));

export function launch(...more: string[]): Promise<Browser> {
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
      ...more,
    ],
  });
}

/** Someone in front of a browser of their own. */
export class Person {
  /** What the page threw or complained about in the console. */
  readonly complaints: string[] = [];

  readonly page: Page;
  readonly name: string;

  private constructor(page: Page, name: string) {
    this.page = page;
    this.name = name;
    page.setDefaultTimeout(PATIENCE);
    page.on("pageerror", (error) => this.complaints.push(String(error.stack ?? error)));
    page.on("console", (message) => {
      // A request that failed is one that a test made fail.
      if (message.type() === "error" && !message.text().includes("Failed to load resource"))
        this.complaints.push(message.text());
    });
  }

  /** Opens the page, and does not sign in. */
  static async open(browser: Browser, name: string, options: BrowserContextOptions = {}): Promise<Person> {
    const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, locale: "en-GB", ...options });
    const person = new Person(await context.newPage(), name);
    await person.page.goto(stack.pageUrl);
    return person;
  }

  /** Opens the page and signs in by a click on the demo user. */
  static async enter(browser: Browser, name: string, options?: BrowserContextOptions): Promise<Person> {
    const person = await Person.open(browser, name, options);
    await person.signIn();
    return person;
  }

  async signIn(): Promise<void> {
    await this.page.getByRole("button", { name: `Sign in as ${this.name}` }).click();
    await this.page.getByRole("heading", { name: "Hearth", exact: true }).waitFor();
  }

  async openThread(title: string): Promise<void> {
    await this.item(title).click();
    await this.page.getByRole("heading", { name: title }).waitFor();
  }

  /** Comes back to the page from another tab: it looks for what is new. */
  async comesBack(): Promise<void> {
    await this.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  }

  item(title: string): Locator {
    return this.page.getByRole("link", { name: title });
  }

  async write(text: string): Promise<void> {
    const field = this.page.getByRole("textbox", { name: "Message" });
    await field.fill(text);
    await field.press("Enter");
  }

  /** The message with this text, as its list item. */
  message(text: string): Locator {
    return this.page.locator("li.message", { hasText: text });
  }

  /** Waits until a message is there that the server has. */
  async sees(text: string): Promise<void> {
    await this.page.locator("li.message[data-state=sent]", { hasText: text }).first().waitFor();
  }

  /** The texts of the messages that are shown, in their order. */
  texts(): Promise<string[]> {
    return this.page.locator("li.message .bubble").allTextContents();
  }

  /** Waits until the connection stands like this. */
  async connection(words: "Live" | "Offline"): Promise<void> {
    await this.page.locator(".connection:visible [role=status]", { hasText: words }).first().waitFor();
  }

  async leave(): Promise<void> {
    await this.page.context().close();
    if (this.complaints.length > 0) throw new Error(`${this.name}'s page complained:\n${this.complaints.join("\n")}`);
  }
}

/** The id of a demo user. */
export function idOf(name: string): string {
  const user = stack.users.find((user) => user.name === name);
  if (!user) throw new Error(`There is no demo user ${name}.`);
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

/** A call of the API without a browser, to make what a test begins with. */
export async function call(name: string, path: string, content: object): Promise<{ id: string }> {
  const response = await fetch(`${stack.apiUrl}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${await token(name)}`, "content-type": "application/json" },
    body: JSON.stringify(content),
  });
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as { id: string };
}

/** A thread that is no other test's: somebody who never comes belongs to it. */
export async function newThread(title: string, ...names: string[]): Promise<string> {
  const [creator = "Sarah"] = names;
  const memberIds = [...names.map(idOf), `guest-${crypto.randomUUID()}`];
  return (await call(creator, "/api/threads", { memberIds, title })).id;
}

export function say(name: string, threadId: string, body: string): Promise<{ id: string }> {
  return call(name, `/api/threads/${threadId}/messages`, { body });
}

/** Waits until `holds` does; a test that waits in vain ends by the runner's limit, this says for what. */
export async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`It never came to be that ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
