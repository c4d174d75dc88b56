// Validates an AsyncAPI document: asyncapi.mjs DOCUMENT
//
// Works without a network: the document refers only to itself, and the parser contains the schemas of all versions.

import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

/** Severities of the parser: 0 is an error, 1 a warning, 2 information, 3 a hint. */
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
