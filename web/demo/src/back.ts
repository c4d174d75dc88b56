import { useEffect } from "preact/hooks";

/** While the component is shown, the browser's Back button calls `onBack` instead of leaving the conversation. */
export function useBack(onBack: () => void): void {
  useEffect(() => {
    history.pushState({ overlay: true }, "");
    addEventListener("popstate", onBack);
    return () => {
      removeEventListener("popstate", onBack);
      // Removes the history entry that was added above. After Back or a navigation to another URL, the current entry is
      // another one, so there is nothing to remove.
      if (history.state?.overlay) history.back();
    };
  }, []);
}
