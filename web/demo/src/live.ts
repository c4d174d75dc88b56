/** Whether the page is connected, so that it shows or announces new messages itself. */
let live = () => false;

export function isLive(): boolean {
  return live();
}

/** Says from now on whether the page is connected. Returns a function that ends this. */
export function reportLive(report: () => boolean): () => void {
  live = report;
  return () => {
    live = () => false;
  };
}
