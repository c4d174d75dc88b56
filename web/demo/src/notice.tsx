import { useCallback, useEffect, useState } from "preact/hooks";

/** How long a notice is shown, in milliseconds. */
const SHOWN_MS = 4_000;

/** Returns the notice to show, "" if there is none, and a function that shows one for a few seconds. */
export function useNotice(): [text: string, notify: (text: string) => void] {
  const [notice, setNotice] = useState({ text: "" });
  useEffect(() => {
    if (notice.text === "") return;
    const timer = setTimeout(() => setNotice({ text: "" }), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  const notify = useCallback((text: string) => setNotice({ text }), []);
  return [notice.text, notify];
}

/** Shows a notice above the next element of the page. The notice has no height, so it does not move that element. */
export function Notice({ text }: { text: string }) {
  return (
    <div class="notice" role="status">
      {text && <span>{text}</span>}
    </div>
  );
}
