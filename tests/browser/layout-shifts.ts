import type { Page } from "playwright-core";

/**
 * Watches the layout of a page from now on, until it is reloaded. Returns a function that returns the sum of the layout
 * shifts so far (https://web.dev/articles/cls).
 */
export async function watchShifts(page: Page): Promise<() => Promise<number>> {
  const sum = await page.evaluateHandle(() => {
    const shifts = { sum: 0 };
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number })[]) shifts.sum += entry.value;
    }).observe({ type: "layout-shift" });
    return shifts;
  });
  return () => sum.evaluate((shifts) => shifts.sum);
}
