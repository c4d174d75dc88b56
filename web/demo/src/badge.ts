import { useEffect } from "preact/hooks";

/** Shows the number of unread messages in the page's title, and a dot in its icon. */
export function useBadge(unread: number): void {
  useEffect(() => {
    show(unread);
    return () => show(0); // after a sign-out, the page must not tell the number
  }, [unread]);
}

function show(unread: number): void {
  document.title = unread > 0 ? `(${unread}) Hearth` : "Hearth";
  const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  if (icon) icon.href = unread > 0 ? "./favicon-unread.svg" : "./favicon.svg";
}
