/** The data that the service worker posts to a page. */
export type ToPage =
  /** The user has clicked on a notification: open the thread in this fragment of a URL. */
  | { type: "open"; hash: string }
  /** A push message has arrived: answer on the port with a `Reading`. */
  | { type: "reading" };

/** What a page shows. If a visible page is live, the service worker makes the notification silent. */
export interface Reading {
  /** The ID of the open thread; undefined if none is open. */
  threadId: string | undefined;
  /** Whether the page is connected to the server. If so, it shows or announces new messages itself. */
  live: boolean;
}

/**
 * The data that a page posts to a service worker that waits for its activation: the worker may take over from the old
 * one.
 */
export interface ToWorker {
  type: "take-over";
  /** The URL of the page's main script. Its name tells the deployment of the page. */
  script: string;
}
