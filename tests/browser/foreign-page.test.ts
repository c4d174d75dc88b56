import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch, newThread, Person, sendMessage, stack } from "./browser.ts";
import { ForeignServer } from "./foreign-server.ts";
import { drawLake } from "./photo.ts";

/** The name of the role and of the function that the foreign page tries to create. */
const NAME = "foreign-page";
const EMPTY_ZIP = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";
const { port } = new URL(stack.endpointUrl);

const server = new ForeignServer();
let browser: Browser;
before(async () => {
  await server.start();
  browser = await launch();
});
after(async () => {
  await browser.close();
  server.stop();
});

/** The requests with which a page could run code on this machine or delete all data. The emulator checks no signature. */
function attacks(endpoint: string): { url: string; body: string }[] {
  const signed = (service: string, query = "") =>
    `?${query}X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=test%2F20260101%2Fus-east-1%2F${service}%2Faws4_request` +
    "&X-Amz-Date=20260101T000000Z&X-Amz-Expires=604800&X-Amz-SignedHeaders=host&X-Amz-Signature=0";
  const policy = encodeURIComponent(JSON.stringify({ Version: "2012-10-17", Statement: [] }));
  const role = `Action=CreateRole&Version=2010-05-08&RoleName=${NAME}&AssumeRolePolicyDocument=${policy}`;
  const content = {
    FunctionName: NAME,
    Runtime: "provided.al2023",
    Handler: "bootstrap",
    Role: `arn:aws:iam::000000000000:role/${NAME}`,
    Code: { ZipFile: EMPTY_ZIP },
  };
  return [
    { url: `${endpoint}/${signed("iam", `${role}&`)}`, body: role },
    { url: `${endpoint}/2015-03-31/functions${signed("lambda")}`, body: JSON.stringify(content) },
    { url: `${endpoint}/2015-03-31/functions/${NAME}/invocations${signed("lambda")}`, body: "{}" },
    { url: `${endpoint}/_ministack/config`, body: "{}" },
    { url: `${endpoint}/_ministack/reset`, body: "" },
  ];
}

/** Makes each request in each way that a page can, and waits until all are answered. Runs in the page. */
async function attack(requests: { url: string; body: string }[]): Promise<void> {
  const add = (tag: string, properties: object) => {
    const element = Object.assign(document.createElement(tag), properties);
    document.body.append(element);
    return element;
  };
  const event = (target: EventTarget, name: string, data?: string) =>
    new Promise<void>((resolve) => {
      target.addEventListener(name, (event) => {
        if (!data || (event as MessageEvent).data === data) resolve();
      });
    });
  const answers = requests.flatMap(({ url, body }) => {
    const image = add("img", { src: url });
    const frame = add("iframe", { name: crypto.randomUUID() }) as HTMLIFrameElement;
    const form = add("form", { method: "POST", action: url, target: frame.name }) as HTMLFormElement;
    form.submit();
    // The origin of a page in a sandbox is "null".
    const init = JSON.stringify({ method: "POST", mode: "no-cors", body });
    const script = `fetch(${JSON.stringify(url)}, ${init}).finally(() => parent.postMessage("${frame.name}", "*"))`;
    add("iframe", { sandbox: "allow-scripts", srcdoc: `<script>${script}</script>` });
    return [
      fetch(url, { method: "POST", mode: "no-cors", body }),
      event(image, "error"),
      event(frame, "load"),
      event(window, "message", frame.name),
    ];
  });
  await Promise.all(answers);
}

/** Tries to open a WebSocket. Runs in the page. */
function openSocket(url: string): Promise<"open" | "refused"> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => resolve("open");
    socket.onerror = () => resolve("refused");
  });
}

/** Sends a request to the emulator without a browser. */
function send(
  method: string,
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname: "127.0.0.1", port, method, path, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part) => {
        text += part;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

/** Sends a request to an AWS service as the emulator's root user. Returns the status of the response. */
async function aws(service: string, method: string, path: string): Promise<number> {
  const credential = `test/20260101/us-east-1/${service}/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=0`;
  return (await send(method, path, { authorization })).status;
}

for (const host of ["127.0.0.1", "localhost", "evil.localhost"]) {
  test(`a foreign page on ${host} can neither run code nor delete data`, async () => {
    const thread = await newThread(`Foreign ${crypto.randomUUID()}`, "Sarah", "Michael");
    const page = await browser.newPage();
    const answers: string[] = [];
    page.on("response", (response) => {
      const { host, pathname, port: to } = new URL(response.url());
      if (to === port) answers.push(`${response.request().method()} ${host}${pathname} ${response.status()}`);
    });
    await page.goto(`http://${host}:${server.port}`);
    for (const name of ["127.0.0.1", "localhost"]) {
      await page.evaluate(attack, attacks(`http://${name}:${port}`));
      assert.equal(await page.evaluate(openSocket, stack.wsUrl.replace("127.0.0.1", name)), "refused");
    }
    await page.close();

    // The browser does not report the status of images and of frames in a sandbox. So `answers` has only some of the
    // answers.
    assert.ok(answers.length >= 20, answers.join("\n"));
    assert.deepEqual(
      answers.filter((answer) => !answer.endsWith(" 403")),
      [],
    );
    assert.equal(await aws("lambda", "GET", "/2015-03-31/functions/hearth-messages-send"), 200);
    assert.equal(await aws("lambda", "GET", `/2015-03-31/functions/${NAME}`), 404, "the function must not exist");
    assert.equal(await aws("iam", "POST", `/?Action=GetRole&RoleName=${NAME}`), 404, "the role must not exist");
    await sendMessage("Sarah", thread, "The data is still here.");
  });
}

test("the emulator answers only to names of this machine, and says what to do", async () => {
  const socketPath = new URL(stack.wsUrl).pathname;
  const upgrade = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
  };
  for (const [path, headers] of [
    ["/", {}],
    ["/_ministack/ready", {}],
    [socketPath, upgrade],
  ] as const) {
    const answer = await send("GET", path, { ...headers, host: `rebound.example:${port}` });
    assert.deepEqual(answer, {
      status: 403,
      text: "Use 127.0.0.1 or localhost as the host name of the local cloud.\n",
    });
  }
  assert.equal((await send("GET", "/_ministack/ready", { host: `localhost:${port}` })).status, 200);
  const foreign = await send("POST", "/", { origin: "http://localhost:3000" });
  assert.equal(foreign.status, 403);
  assert.match(foreign.text, /ORIGINS=/);
});

test("the page works under the name localhost, from which calls to 127.0.0.1 are cross-site", async () => {
  const title = `Localhost ${crypto.randomUUID()}`;
  await newThread(title, "Sarah", "Michael");
  const person = await Person.open(browser, "Sarah");
  const lake = await drawLake(person.page, 800, 600);
  await person.page.goto(stack.pageUrl.replace("127.0.0.1", "localhost"));
  await person.signIn();
  await person.openThread(title);
  await person.waitForConnection("Live");
  const chooser = person.page.waitForEvent("filechooser");
  await person.page.getByRole("button", { name: "Add photos or files" }).click();
  await (await chooser).setFiles({ name: "lake.jpg", mimeType: "image/jpeg", buffer: lake });
  await person.page.getByText("Ready to send").waitFor();
  await person.send("From localhost");
  await person.waitForMessage("From localhost");
  const photo = person.page.getByRole("button", { name: "Open lake.jpg" });
  await photo.waitFor();
  await person.page.waitForFunction(() => {
    const image = document.querySelector<HTMLImageElement>(".photo img[src*='/thumbs/']");
    return image?.complete && image.naturalWidth > 0;
  });
  await photo.click();
  const opened = person.page.waitForEvent("popup");
  await person.page.getByRole("link", { name: "Open original" }).click();
  const original = await opened;
  await original.waitForFunction(() => document.querySelector("img")?.naturalWidth === 800);
  await person.close();
});
