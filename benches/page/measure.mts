import { launch, markRead, newThread, Person, post, waitUntil } from "../../tests/browser/browser.ts";
import { upload } from "../../tests/browser/files.ts";
import { watchShifts } from "../../tests/browser/layout-shifts.ts";
import { fill } from "../../tests/browser/many-messages.ts";
import { drawLake } from "../../tests/browser/photo.ts";

/** Number of messages that the page holds while it is measured. */
const MESSAGES = 2_000;
const LOADS = 9;
const SENDS = 30;
const KEYS = 60;
const PHOTOS = 12;

/** At most this many turns of the mouse wheel lead to the first message. */
const MAX_TURNS = 5_000;

/** The page's figures. Times are in milliseconds. */
export interface Figures {
  firstPaint: number;
  keyToPainted: number;
  enterToPainted: number;
  longestTask: number;
  nodes: number;
  heapMb: number;
  layoutShift: number;
}

type Browser = Awaited<ReturnType<typeof launch>>;

/** Measures the page of the running local cloud in Chromium. */
export async function measure(): Promise<Figures> {
  const browser = await launch();
  try {
    const firstPaint = await measureFirstPaint(browser);
    const longThread = await measureLongThread(browser);
    const layoutShift = await measureLayoutShift(browser);
    return { firstPaint, ...longThread, layoutShift };
  } finally {
    await browser.close();
  }
}

/** Returns the median time until the sign-in page is painted, each time without a cache. */
async function measureFirstPaint(browser: Browser): Promise<number> {
  const times: number[] = [];
  for (let load = 0; load < LOADS; load += 1) {
    const person = await Person.open(browser, "Sarah");
    await person.page.getByRole("button", { name: "Sign in as Sarah" }).waitFor();
    const paint = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0;
    await waitUntil("the page is painted", async () => (await person.page.evaluate(paint)) > 0);
    times.push(await person.page.evaluate(paint));
    await person.close();
  }
  return median(times);
}

/** Scrolls back through a thread of {@link MESSAGES} messages, then types and sends in it. */
async function measureLongThread(browser: Browser) {
  const title = `Long ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  await fill(thread, MESSAGES, "Sarah", "Michael", "Dad");
  await markRead("Sarah", thread, MESSAGES); // otherwise the page opens at the first unread message
  const person = await Person.signedIn(browser, "Sarah");
  const { page } = person;
  await page.evaluate((id) => location.assign(`#/${id}`), thread);
  await person.waitForMessage(`Message ${MESSAGES}.`);
  await person.waitForConnection("Live");
  await page.waitForTimeout(1_000);
  const cdp = await page.context().newCDPSession(page);
  const trace = await startTrace(cdp);

  await page.locator(".scroller").hover();
  const beginning = page.getByText("This is the beginning of the conversation.");
  for (let turn = 0; !(await isOnScreen(page)); turn += 1) {
    if (turn === MAX_TURNS) throw new Error("Scrolling has not reached the first message.");
    await page.mouse.wheel(0, -900);
    await page.waitForTimeout(30);
  }
  await beginning.waitFor();
  const longestTask = await trace();
  const button = page.getByRole("button", { name: "Go to the newest message" });
  await button.click();
  await button.waitFor({ state: "detached" });
  await person.message(`Message ${MESSAGES}.`).waitFor();

  await cdp.send("HeapProfiler.collectGarbage");
  const { usedSize } = (await cdp.send("Runtime.getHeapUsage")) as { usedSize: number };
  const nodes = await page.evaluate(() => document.querySelectorAll("*").length);

  await person.field.focus();
  const keyTimes: number[] = [];
  for (let key = 0; key < KEYS; key += 1) {
    keyTimes.push(await timeToPaint(page, "e", "input"));
    await page.waitForTimeout(40 + ((key * 7) % 17)); // varies, so that the keys are not in step with the frames
  }
  // Requests to send get no answer, so that only the time until the message is shown is measured.
  await page.route(/\/messages$/, () => {});
  const sendTimes: number[] = [];
  for (let send = 0; send < SENDS; send += 1) {
    await person.field.fill(`Written ${send}`);
    await page.waitForTimeout(100 + ((send * 7) % 17));
    sendTimes.push(await timeToPaint(page, "Enter", "bubble"));
  }
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await page.context().close();
  const heapMb = usedSize / 1_000_000;
  return { longestTask, nodes, heapMb, keyToPainted: median(keyTimes), enterToPainted: median(sendTimes) };
}

/** Returns the layout shift while a thread with photos opens. */
async function measureLayoutShift(browser: Browser): Promise<number> {
  const title = `Photos ${crypto.randomUUID()}`;
  const thread = await newThread(title, "Sarah", "Michael");
  const drawing = await browser.newPage();
  for (let photo = 0; photo < PHOTOS; photo += 1) {
    const bytes = await drawLake(drawing, 400 + photo * 40, 600);
    await post("Michael", `/api/threads/${thread}/messages`, {
      body: "",
      fileIds: [await upload("Michael", "lake.jpg", "image/jpeg", bytes)],
    });
  }
  await drawing.close();
  await markRead("Sarah", thread, PHOTOS);
  const person = await Person.signedIn(browser, "Sarah");
  await person.threadLink(title).waitFor();
  await person.waitForConnection("Live");
  const shiftSoFar = await watchShifts(person.page);
  await person.page.evaluate((id) => location.assign(`#/${id}`), thread);
  const tiles = person.page.locator(".photo img");
  await waitUntil("the last photo is painted", () =>
    tiles
      .last()
      .evaluate((image: HTMLImageElement) => image.complete && image.naturalWidth > 0)
      .catch(() => false),
  );
  await person.page.waitForTimeout(1_000);
  const shift = await shiftSoFar();
  await person.page.context().close();
  return shift;
}

type Page = Person["page"];
type Session = Awaited<ReturnType<ReturnType<Page["context"]>["newCDPSession"]>>;

/** An event of a trace of Chromium. `tdur` is the CPU time of its thread, in microseconds. */
interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  tdur?: number;
  args: { name?: string };
}

/** Starts a trace. Returns a function that ends it and returns the CPU time of the page's longest task. */
async function startTrace(cdp: Session): Promise<() => Promise<number>> {
  const events: TraceEvent[] = [];
  cdp.on("Tracing.dataCollected", ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  const categories = "disabled-by-default-devtools.timeline,toplevel";
  await cdp.send("Tracing.start", { categories, transferMode: "ReportEvents" });
  return async () => {
    const complete = new Promise<void>((resolve) => cdp.once("Tracing.tracingComplete", () => resolve()));
    await cdp.send("Tracing.end");
    await complete;
    const main = events.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain");
    const isMain = ({ pid, tid }: TraceEvent) => main.some((thread) => thread.pid === pid && thread.tid === tid);
    const tasks = events.filter((event) => event.name === "RunTask" && isMain(event));
    if (tasks.length === 0) throw new Error("The trace has no tasks.");
    return Math.max(...tasks.map(({ tdur = 0 }) => tdur)) / 1_000;
  };
}

function isOnScreen(page: Page): Promise<boolean> {
  return page.evaluate(() => {
    const top = document.querySelector(".scroller .top");
    return top?.textContent?.includes("beginning") === true && top.getBoundingClientRect().bottom > 0;
  });
}

/**
 * Presses a key and returns the time from the key event to the end of the frame that shows its effect: the character, or
 * the user's own message.
 */
async function timeToPaint(page: Page, key: string, effect: "input" | "bubble"): Promise<number> {
  const result = await page.evaluateHandle((effect) => {
    let started = 0;
    addEventListener("keydown", (event) => (started = event.timeStamp), { once: true, capture: true });
    return {
      time: new Promise<number>((resolve) => {
        const painted = () =>
          requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = () => resolve(performance.now() - started);
            port2.postMessage(null);
          });
        if (effect === "input") document.querySelector("textarea")?.addEventListener("input", painted, { once: true });
        else {
          const list = document.querySelector(".scroller ol") as HTMLElement;
          const observer = new MutationObserver((records) => {
            if (!records.some(({ addedNodes }) => addedNodes.length > 0)) return;
            observer.disconnect();
            painted();
          });
          observer.observe(list, { childList: true });
        }
      }),
    };
  }, effect);
  await page.keyboard.press(key);
  const time = await result.evaluate(({ time }) => time);
  await result.dispose();
  return time;
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
