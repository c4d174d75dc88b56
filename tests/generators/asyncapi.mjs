// Validates an AsyncAPI document: asyncapi.mjs DOCUMENT
//
// Needs no network: the document has no references to other files, and the parser contains the schemas of all AsyncAPI
// versions.

import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

/** The parser's severity of a warning. Errors have 0, information 2, hints 3. Errors and warnings fail this script. */
const WARNING = 1;

const [path] = process.argv.slice(2);
const { document, diagnostics } = await new Parser().parse(readFileSync(path, "utf8"));
const failures = diagnostics.filter(({ severity }) => severity <= WARNING);
for (const { message, path: place } of failures) process.stderr.write(`error: ${place.join(".")}: ${message}\n`);
if (failures.length > 0 || document === undefined) {
  process.stderr.write(`error: ${path} is not a valid AsyncAPI document\n`);
  process.exitCode = 1;
} else {
  const [messages, operations] = [document.messages().all().length, document.operations().all().length];
  process.stdout.write(`asyncapi: ${messages} messages, ${operations} operations\n`);
}
