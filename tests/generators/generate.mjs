// Generates TypeScript clients from an OpenAPI document: generate.mjs DOCUMENT FOLDER OPERATION...
//
// Writes FOLDER/hey-api and FOLDER/orval. Fails if a generator prints a warning, or does not export a function for each
// OPERATION (an operationId).

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createClient } from "@hey-api/openapi-ts";
import { generate } from "orval";

const [document, folder, ...operations] = process.argv.slice(2);

/** Runs a generator and returns everything that it prints to stdout and stderr. */
async function captured(run) {
  const printed = [];
  const original = {};
  for (const name of ["stdout", "stderr"]) {
    original[name] = process[name].write;
    process[name].write = (text, ...rest) => {
      printed.push(String(text));
      const done = rest.at(-1);
      if (typeof done === "function") done();
      return true;
    };
  }
  try {
    await run();
  } finally {
    for (const name of ["stdout", "stderr"]) process[name].write = original[name];
  }
  return printed.join("");
}

/** Returns the names of all functions that the TypeScript files of a folder export. */
function exportedFunctions(path) {
  const files = readdirSync(path, { recursive: true }).filter((name) => name.endsWith(".ts"));
  const text = files.map((name) => readFileSync(join(path, name), "utf8")).join("\n");
  return new Set(text.matchAll(/^export const (\w+) = (?:async )?[<(]/gm).map((match) => match[1]));
}

const generators = {
  "hey-api": (output) => createClient({ input: document, output, logs: { level: "warn", file: false } }),
  orval: (output) => generate({ input: document, output: { target: join(output, "client.ts"), client: "fetch" } }),
};

for (const [name, run] of Object.entries(generators)) {
  const output = resolve(folder, name);
  const printed = await captured(() => run(output));
  if (/warn|⚠|error|skip|unsupported|fail/i.test(printed)) {
    process.stderr.write(`error: ${name} printed a warning or an error for ${document}:\n${printed}\n`);
    process.exitCode = 1;
    continue;
  }
  const functions = exportedFunctions(output);
  const missing = operations.filter((operation) => !functions.has(operation));
  if (missing.length > 0) {
    process.stderr.write(`error: ${name} generated no function for: ${missing.join(", ")}\n`);
    process.exitCode = 1;
  } else {
    process.stdout.write(`${name}: ${operations.length} operations\n`);
  }
}
