/** A message of the service worker to a page. */
export type ToPage =
  /** The user has clicked on a notification: open the thread in this fragment of a URL. */
  | { type: "open"; hash: string }
  /** A push has arrived: answer on the port with a `Reading`. */
  | { type: "reading" };

/** What a page shows, so that the service worker does not ring for what its user sees anyway. */
export interface Reading {
  /** The open thread. */
  threadId: string | undefined;
  /** Whether the page is connected: it shows or announces new messages itself. */
  live: boolean;
}

/** A message of a page to a service worker that waits: it may take over from the old one. */
export interface ToWorker {
  type: "take-over";
  /** The URL of the page's main script, which tells the page's deployment. */
  script: string;
}
