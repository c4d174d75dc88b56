import type { ThreadEntry } from "hearth-client";

/** The timeline renders the rows around one row: this many before it, and this many after it. */
const BEFORE = 50;
const AFTER = 110;

/** At the end of the list, the timeline renders the rows around the row that is this many rows before the end. */
const END_ROWS = 50;

/** The assumed height of a row that was never rendered, in pixels. */
const ESTIMATED_PX = 48;

/** The rows to render: one for each entry from `start` to before `end`. They are around the row with this `index`. */
export interface Rows {
  start: number;
  end: number;
  index: number;
}

/**
 * Returns the rows to render: those around the entry with this key or, if there is no such entry, those at the end. The
 * row of the entry with the key `kept` is also rendered, with all rows in between.
 */
export function rowsAround(entries: readonly ThreadEntry[], key: string | undefined, kept?: string): Rows {
  const found = key === undefined ? -1 : indexOf(entries, key);
  const index = found < 0 ? Math.max(0, entries.length - END_ROWS) : found;
  const keptIndex = kept === undefined ? -1 : indexOf(entries, kept);
  const other = keptIndex < 0 ? index : keptIndex;
  const start = Math.max(0, Math.min(index - BEFORE, other));
  const end = Math.min(entries.length, Math.max(index + AFTER, other + 1));
  return { start, end, index };
}

export function indexOf(entries: readonly ThreadEntry[], key: string): number {
  return entries.findIndex((entry) => entry.key === key);
}

/** The heights of rows, as they were when they were last rendered, in pixels. */
export class RowHeights {
  private readonly heights = new Map<string, number>();

  set(key: string, height: number): void {
    this.heights.set(key, height);
  }

  /** Returns the sum of the heights of these entries' rows, in pixels. */
  sum(entries: readonly ThreadEntry[]): number {
    return entries.reduce((sum, { key }) => sum + this.of(key), 0);
  }

  /** Returns the index of the row that is `distance` pixels below the top of the first row. */
  indexAt(entries: readonly ThreadEntry[], distance: number): number {
    let bottom = 0;
    const index = entries.findIndex(({ key }) => {
      bottom += this.of(key);
      return bottom > distance;
    });
    return index < 0 ? entries.length - 1 : index;
  }

  private of(key: string): number {
    return this.heights.get(key) ?? ESTIMATED_PX;
  }
}
