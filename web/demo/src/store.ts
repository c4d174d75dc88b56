import type { Store } from "hearth-client";
import { useLayoutEffect, useState } from "preact/hooks";

/** Returns the current snapshot of a hearth-client store and renders the component again whenever it changes. */
export function useStore<T>({ subscribe, getSnapshot }: Store<T>): T {
  const [, update] = useState<T>();
  useLayoutEffect(() => {
    const refresh = () => update(() => getSnapshot());
    refresh(); // the store may have changed between rendering and subscribing
    return subscribe(refresh);
  }, [subscribe, getSnapshot]);
  return getSnapshot();
}
