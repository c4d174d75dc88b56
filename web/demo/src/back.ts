import { useEffect } from "preact/hooks";

/** While the component is shown, the browser's Back button calls `onBack` instead of leaving the conversation. */
export function useBack(onBack: () => void): void {
  useEffect(() => {
    history.pushState({ overlay: true }, "");
    addEventListener("popstate", onBack);
    return () => {
      removeEventListener("popstate", onBack);
      // After Back, or if the user has gone elsewhere, the current entry is not the one of this component.
      if (history.state?.overlay) history.back();
    };
  }, []);
}
