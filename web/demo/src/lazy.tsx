import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

/** The functions that load the parts of the page. `loadPartsWhenIdle` empties the list. */
const waiting: (() => Promise<void>)[] = [];

/**
 * Returns a component whose code is in a file of its own, which the first paint does not need. The component renders
 * nothing until the file is loaded. If the file cannot be loaded, it shows an error; the error of a dialog can be
 * closed.
 */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let part: ComponentType<Props> | undefined;
  const loaded = async () => {
    part ??= await load();
  };
  waiting.push(loaded);
  return function Part(props: Props) {
    const [failed, setFailed] = useState(false);
    const [, setReady] = useState(part !== undefined);
    useEffect(() => {
      // Renders again also if the file was loaded since the last rendering, by `loadPartsWhenIdle`.
      loaded().then(
        () => setReady(true),
        () => setFailed(true),
      );
    }, []);
    const Loaded = part;
    if (Loaded) return <Loaded {...props} />;
    if (!failed) return null;
    const { onClose } = props as { onClose?(): void }; // dialogs have this property
    return (
      <p class="not-loaded error" role="alert">
        This part of the page could not be loaded. Check your internet connection, and load the page again.{" "}
        {onClose && (
          <button type="button" class="link-button" onClick={onClose}>
            Close
          </button>
        )}
      </p>
    );
  };
}

/** Loads all parts while the browser is idle, so that they open at once, and also without a network. */
export function loadPartsWhenIdle(): void {
  const loadAll = async () => {
    // If a part cannot be loaded now, the page loads it again when the user opens it, and shows an error if that fails.
    for (const load of waiting.splice(0)) await load().catch(() => {});
  };
  if ("requestIdleCallback" in globalThis) requestIdleCallback(loadAll);
  else setTimeout(loadAll, 1000); // Safari has no requestIdleCallback
}
