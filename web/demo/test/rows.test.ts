import assert from "node:assert/strict";
import { test } from "node:test";
import type { ThreadEntry } from "hearth-client";
import { RowHeights, rowsAround } from "../src/rows.ts";

const entries = Array.from({ length: 1_000 }, (_, index) => ({ key: `key ${index}` }) as ThreadEntry);

test("the rendered rows are around the entry with the key, and within the list", () => {
  for (const index of [0, 1, 49, 50, 500, 999]) {
    const { start, end, index: placed } = rowsAround(entries, `key ${index}`);
    assert.equal(placed, index);
    assert.ok(start >= 0 && start <= index && index < end && end <= entries.length, `${start} ${index} ${end}`);
    assert.ok(index - start <= 50 && end - index <= 110);
  }
  assert.deepEqual(rowsAround([], undefined), { start: 0, end: 0, index: 0 });
  assert.deepEqual(rowsAround(entries.slice(0, 3), undefined), { start: 0, end: 3, index: 0 });
});

test("without a key, or if its entry is gone, the rows at the end are rendered", () => {
  for (const key of [undefined, "gone"]) {
    const { start, end } = rowsAround(entries, key);
    assert.equal(end, entries.length);
    assert.ok(start > 800);
  }
});

test("the kept row is rendered, with all rows in between", () => {
  for (const kept of [0, 400, 500, 999]) {
    const { start, end, index } = rowsAround(entries, "key 500", `key ${kept}`);
    assert.equal(index, 500);
    assert.ok(start <= Math.min(kept, 450) && Math.max(kept + 1, 610) <= end, `${start} ${kept} ${end}`);
  }
  assert.deepEqual(rowsAround(entries, "key 500", "gone"), rowsAround(entries, "key 500"));
});

test("the row at a distance is found by measured and estimated heights", () => {
  const heights = new RowHeights();
  for (const { key } of entries.slice(0, 10)) heights.set(key, 100);
  const estimated = heights.sum(entries.slice(10, 11));
  assert.equal(heights.sum(entries), 1_000 + 990 * estimated);
  assert.equal(heights.indexAt(entries, -5), 0);
  assert.equal(heights.indexAt(entries, 99), 0);
  assert.equal(heights.indexAt(entries, 100), 1);
  assert.equal(heights.indexAt(entries, 1_000 + 2.5 * estimated), 12);
  assert.equal(heights.indexAt(entries, 1_000_000), 999, "below the last row");
  heights.set("key 0", 50);
  assert.equal(heights.indexAt(entries, 99), 1, "a row may change its height");
});
