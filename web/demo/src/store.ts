import type { Store } from "hearth-client";
import { useLayoutEffect, useState } from "preact/hooks";

/** What a store of hearth-client holds, and a new rendering at each change of it. */
export function useStore<T>({ subscribe, getSnapshot }: Store<T>): T {
  const [, update] = useState<T>();
  useLayoutEffect(() => {
    const refresh = () => update(() => getSnapshot());
    refresh(); // it may have changed before this was here to hear of it
    return subscribe(refresh);
  }, [subscribe, getSnapshot]);
  return getSnapshot();
}
