import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Person } from "./browser.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Runs axe in both colour schemes and asserts that it finds no violations. `view` describes what the page shows. */
export async function audit({ page }: Person, view: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    // While a background changes slowly to the colour of the other scheme, its contrast to the text is wrong. So axe
    // runs after all transitions.
    await page.evaluate(async () => {
      const transitions = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
      await Promise.allSettled(transitions.map((transition) => transition.finished));
    });
    await page.evaluate(AXE);
    const { violations, passes } = await page.evaluate(() =>
      (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
    );
    const found = violations.map(({ help, nodes }) => `${help}: ${nodes.map((node) => node.html).join(" ")}`);
    assert.deepEqual(found, [], `${view}, ${colorScheme}`);
    assert.ok(
      passes.some((rule) => rule.id === "color-contrast"),
      `${view}, ${colorScheme}: axe did not check the colour contrast`,
    );
  }
}
