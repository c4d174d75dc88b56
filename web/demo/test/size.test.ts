import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

/** Maximum size of the JavaScript that the first paint waits for, in bytes compressed with gzip. */
const MAX_BYTES = 45_000;

test("the JavaScript that the first paint needs stays within its budget", async () => {
  const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
  const built = await build({
    root: path(".."),
    logLevel: "error",
    build: { write: false },
    // Uses the source of the library, so that the test does not need a build of it.
    resolve: { alias: { "hearth-client": path("../../hearth-client/src/index.ts") } },
  });
  const outputs = [built].flat().flatMap((result) => ("output" in result ? result.output : []));
  const chunks = new Map(outputs.flatMap((file) => (file.type === "chunk" ? [[file.fileName, file] as const] : [])));
  const html = outputs.find((file) => file.fileName === "index.html");
  const page = html?.type === "asset" ? String(html.source) : "";
  // The scripts in the HTML, and the modules that they import statically. Dynamic imports are loaded later.
  const needed = new Set([...chunks.values()].filter(({ fileName }) => page.includes(fileName)));
  assert.ok(needed.size > 0);
  for (const chunk of needed) {
    for (const name of chunk.imports) {
      const imported = chunks.get(name);
      if (imported) needed.add(imported);
    }
  }
  assert.ok(chunks.size > needed.size, "the dialogs are in files of their own");
  const bytes = [...needed].reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0);
  assert.ok(bytes <= MAX_BYTES, `${bytes} bytes of JavaScript, of at most ${MAX_BYTES}`);
});
