/**
 * Returns whether the page is connected to the server. If so, it shows or announces new messages itself, and the
 * service worker makes their notifications silent.
 */
let live = () => false;

export function isLive(): boolean {
  return live();
}

/** Makes `isLive` return the result of `report`. Returns a function that makes `isLive` return false again. */
export function reportLive(report: () => boolean): () => void {
  live = report;
  return () => {
    live = () => false;
  };
}
