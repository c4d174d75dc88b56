import { mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const DEMO = fileURLToPath(new URL("../../web/demo", import.meta.url));
const LEAD = "Where your family talks.";
const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
  ".webmanifest": "application/manifest+json",
};
const CONFIG = { apiUrl: "http://127.0.0.1:1", wsUrl: "ws://127.0.0.1:1", region: "us-east-1", clientId: "none" };

/** Builds the page with another text on its sign-in page. Returns the folder, which the caller removes. */
export async function buildPage(lead: string): Promise<string> {
  const outDir = mkdtempSync(join(tmpdir(), "hearth-page-"));
  const vite = await import(createRequire(`${DEMO}/`).resolve("vite"));
  await vite.build({
    root: DEMO,
    logLevel: "error",
    build: { outDir, emptyOutDir: true },
    plugins: [{ name: "lead", transform: (code: string) => code.replaceAll(LEAD, lead) }],
  });
  return outDir;
}

/**
 * Serves the files of one deployment of the page. A test may change `folder` to serve another one. There is no backend.
 */
export class PageServer {
  folder: string;
  /** Whether the server leaves all requests without an answer. */
  hangs = false;
  #server = createServer(({ url = "" }, response) => {
    if (this.hangs) return;
    const { pathname } = new URL(url, "http://127.0.0.1");
    const [status, body] = this.#answer(pathname === "/" ? "/index.html" : pathname);
    response.writeHead(status, {
      "content-type": TYPES[extname(pathname) || ".html"],
      "cache-control": "no-cache",
      connection: "close",
    });
    response.end(body);
  });

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Starts the server on a free port. */
  start(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  #answer(pathname: string): [status: number, body: string | Buffer] {
    if (pathname === "/config.json") return [200, JSON.stringify(CONFIG)];
    try {
      return [200, readFileSync(join(this.folder, pathname))];
    } catch {
      return [404, "Not found"]; // such as a file of another deployment
    }
  }
}
