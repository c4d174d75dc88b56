import { useEffect, useState } from "preact/hooks";

/**
 * Returns the ID of the open thread, or `undefined` while only the list is open. The URL's fragment holds it: `#/` is
 * the list, `#/thread_…` a thread, as is `#thread_…` in the links of notifications. So the browser's history and back
 * button work.
 */
export function useThreadId(): string | undefined {
  const [threadId, setThreadId] = useState(readThreadId);
  useEffect(() => {
    const update = () => setThreadId(readThreadId());
    addEventListener("hashchange", update);
    return () => removeEventListener("hashchange", update);
  }, []);
  return threadId;
}

export function linkTo(threadId: string): string {
  return `#/${encodeURIComponent(threadId)}`;
}

export function go(threadId?: string): void {
  location.hash = threadId ? linkTo(threadId) : "#/";
}

/** Returns the ID of the open thread, as {@link useThreadId} does. */
export function readThreadId(): string | undefined {
  const name = location.hash.replace(/^#\/?/, "");
  if (!name) return undefined;
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // not a valid ID: the page shows that the conversation does not exist
  }
}
