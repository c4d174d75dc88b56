import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

/** The most that a visitor loads as JavaScript, in bytes compressed with gzip. */
const MAX_BYTES = 45_000;

test("the page's JavaScript stays within its budget", async () => {
  const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
  const built = await build({
    root: path(".."),
    logLevel: "error",
    build: { write: false },
    // The source, so that the test does not need a build of the library.
    resolve: { alias: { "hearth-client": path("../../hearth-client/src/index.ts") } },
  });
  const outputs = [built].flat().flatMap((result) => ("output" in result ? result.output : []));
  const scripts = outputs.flatMap((file) => (file.type === "chunk" ? [file.code] : []));
  assert.ok(scripts.length > 0);
  const bytes = scripts.reduce((sum, code) => sum + gzipSync(code, { level: 9 }).length, 0);
  assert.ok(bytes <= MAX_BYTES, `${bytes} bytes of JavaScript, of at most ${MAX_BYTES}`);
});
