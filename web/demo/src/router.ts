import { useEffect, useState } from "preact/hooks";

/**
 * Returns the ID of the open thread, or `undefined` while only the list is open. The URL's fragment holds it: `#/` is
 * the list, `#/thread_…` a thread. So the browser's history and back button work.
 */
export function useThreadId(): string | undefined {
  const [threadId, setThreadId] = useState(read);
  useEffect(() => {
    const update = () => setThreadId(read());
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

function read(): string | undefined {
  const [, name] = location.hash.split("#/");
  if (!name) return undefined;
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // not a valid ID: the page shows that the conversation does not exist
  }
}
