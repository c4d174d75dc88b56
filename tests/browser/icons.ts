/** Writes the page's PNG icons, made from its favicon. Run it after a change of the favicon: `npm run icons`. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { chromium } from "playwright-core";

const PUBLIC = new URL("../../web/demo/public/", import.meta.url);

interface Icon {
  name: string;
  /** Width and height in pixels. */
  size: number;
  /**
   * `rounded`: as the favicon. `full`: the background fills the square, because the system cuts the shape out of it.
   * `silhouette`: a white flame; Android shows only the transparency of such an icon.
   */
  kind: "rounded" | "full" | "silhouette";
}

const ICONS: Icon[] = [
  { name: "icon-192.png", size: 192, kind: "rounded" },
  { name: "icon-512.png", size: 512, kind: "rounded" },
  { name: "icon-maskable-512.png", size: 512, kind: "full" },
  { name: "apple-touch-icon.png", size: 180, kind: "full" },
  { name: "badge-96.png", size: 96, kind: "silhouette" },
];

const [, background = "", ...flame] =
  /(<rect.*?>)\s*(<path.*?>)\s*(<path.*?>)/s.exec(readFileSync(new URL("favicon.svg", PUBLIC), "utf8")) ?? [];
if (flame.length !== 2) throw new Error("favicon.svg must consist of a <rect> and two <path> elements.");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
mkdirSync(new URL("icons/", PUBLIC), { recursive: true });
for (const { name, size, kind } of ICONS) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>body { margin: 0 } svg { display: block }</style>${drawing(kind, size)}`);
  writeFileSync(new URL(`icons/${name}`, PUBLIC), await page.screenshot({ omitBackground: true }));
  await page.close();
}
await browser.close();

function drawing(kind: Icon["kind"], size: number): string {
  const svg = (content: string) =>
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="${size}" height="${size}">${content}</svg>`;
  if (kind === "rounded") return svg(background + flame.join(""));
  if (kind === "full") return svg(background.replace(/ rx="\d+"/, "") + flame.join(""));
  const [outer = "", inner = ""] = flame.map((path) => path.replace(/ fill="[^"]*"/, ""));
  return svg(
    `<mask id="m">${outer.replace("/>", ' fill="white"/>')}${inner.replace("/>", ' fill="black"/>')}</mask>` +
      '<rect width="32" height="32" fill="white" mask="url(#m)"/>',
  );
}
