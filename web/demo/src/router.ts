import { useEffect, useState } from "preact/hooks";

/** Where the page is: `#/` is the list, `#/thread_…` a thread. The browser's history and its back button do the rest. */
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
    return name; // the id of no thread, as the page will say
  }
}
