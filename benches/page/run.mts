// Measures the page in Chromium, with the local cloud that runs.
//
// Usage: node benches/page/run.mts [--page FILE]
//
// Prints a Markdown table with the figures and their goals. With --page, it also writes the table into a Markdown file,
// between the markers of the section `page`.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { type Figures, measure } from "./measure.mts";

interface Row {
  what: string;
  figure: keyof Figures | "scriptKb";
  unit: string;
  goal: number;
}

const ROWS: Row[] = [
  { what: "Enter to own bubble painted, p50", figure: "enterToPainted", unit: "ms", goal: 35 },
  { what: "key to painted, p50", figure: "keyToPainted", unit: "ms", goal: 12 },
  { what: "longest task while scrolling back 2,000 messages, CPU", figure: "longestTask", unit: "ms", goal: 100 },
  { what: "elements in the document", figure: "nodes", unit: "", goal: 3_000 },
  { what: "heap", figure: "heapMb", unit: "MB", goal: 8 },
  { what: "first paint, p50", figure: "firstPaint", unit: "ms", goal: 300 },
  { what: "JavaScript before the first paint, gzipped", figure: "scriptKb", unit: "kB", goal: 45 },
  { what: "layout shift while photos load", figure: "layoutShift", unit: "", goal: 0.01 },
];

const { values: options } = parseArgs({ options: { page: { type: "string" } } });
const figures = { ...(await measure()), scriptKb: scriptKb() };
const section = `
### Page

The demo page in Chromium while it holds 2,000 messages of one conversation, without throttling. A key or a message is
painted when the frame that shows it has ended. The CPU time of a task does not depend on other programs.

Measured on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} cores, ${cpus()[0]?.model}.

| figure | measured | goal | result |
| --- | --- | --- | --- |
${ROWS.map(line).join("\n")}

`;
process.stdout.write(section);
if (options.page) {
  const [open, close] = ["<!-- bench:page -->\n", "<!-- /bench:page -->"];
  const text = readFileSync(options.page, "utf8");
  const [before, rest] = text.split(open);
  const after = rest?.split(close)[1];
  if (after === undefined) throw new Error(`${options.page} has no markers of the section \`page\`.`);
  writeFileSync(options.page, `${before}${open}${section}${close}${after}`);
}

function line({ what, figure, unit, goal }: Row): string {
  const value = figures[figure];
  const shown = value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toPrecision(2);
  return `| ${what} | ${shown} ${unit} | ≤ ${goal} ${unit} | ${value <= goal ? "met" : "missed"} |`.replace(/ +/g, " ");
}

/** Returns the size of the scripts that the built page loads at once, in kB compressed with gzip. */
function scriptKb(): number {
  const folder = new URL("../../web/demo/dist/", import.meta.url);
  const html = readFileSync(new URL("index.html", folder), "utf8");
  const paths = [...html.matchAll(/(?:src|href)="\.\/([^"]+\.js)"/g)].map(([, path]) => path ?? "");
  if (paths.length === 0) throw new Error("The built page has no scripts.");
  const sizes = paths.map((path) => gzipSync(readFileSync(new URL(path, folder)), { level: 9 }).length);
  return sizes.reduce((sum, size) => sum + size, 0) / 1_000;
}
