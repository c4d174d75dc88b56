import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "vite";
import type { Deployment } from "../src/worker/shell.ts";

const ENTRY = fileURLToPath(new URL("../src/worker/service-worker.ts", import.meta.url));

/** Files that the page can open without. The service worker does not cache them. */
const NOT_CACHED = /^(icons\/|manifest\.webmanifest$|service-worker\.js$|config\.json$)/;

/**
 * Builds the service worker after the page, because the worker contains the list of the page's files. The worker's file
 * always has the same name, because browsers look for a new version under this name.
 */
export function serviceWorker(): Plugin {
  return {
    name: "service-worker",
    apply: "build",
    async writeBundle({ dir = "" }) {
      await build({
        configFile: false,
        logLevel: "warn",
        publicDir: false,
        define: { DEPLOYMENT: JSON.stringify(deployment(dir)) },
        build: {
          outDir: dir,
          emptyOutDir: false,
          rolldownOptions: { input: ENTRY, output: { format: "iife", entryFileNames: "service-worker.js" } },
        },
      });
    },
  };
}

function deployment(folder: string): Deployment {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => !NOT_CACHED.test(path))
    .sort();
  const files = Object.fromEntries(
    paths.map((path) => {
      const hash = createHash("sha256")
        .update(readFileSync(join(folder, path)))
        .digest("base64");
      return [path === "index.html" ? "./" : path, `sha256-${hash}`];
    }),
  );
  const version = createHash("sha256").update(JSON.stringify(files)).digest("hex").slice(0, 16);
  return { version, files };
}
