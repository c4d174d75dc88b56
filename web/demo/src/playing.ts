import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/**
 * Returns the key of the entry whose audio or video is playing in the list; undefined if none is. The timeline keeps the
 * row of this entry, because a player stops when it leaves the document. When a player starts, the others pause.
 */
export function usePlaying(list: RefObject<HTMLElement | null>) {
  const [playing, setPlaying] = useState<string>();
  const player = useRef<EventTarget>(null);
  useEffect(() => {
    const element = list.current;
    if (!element) return;
    const started = ({ target }: Event) => {
      player.current = target;
      setPlaying((target as Element).closest<HTMLElement>(".message")?.dataset.key);
      for (const other of element.querySelectorAll<HTMLMediaElement>("audio, video"))
        if (other !== target) other.pause();
    };
    const stopped = ({ target }: Event) => {
      if (target === player.current) setPlaying(undefined);
    };
    // These events do not bubble, so the list listens for them in the capture phase.
    const ends = new AbortController();
    const options = { capture: true, signal: ends.signal };
    element.addEventListener("play", started, options);
    element.addEventListener("pause", stopped, options);
    element.addEventListener("ended", stopped, options);
    return () => ends.abort();
  }, []);
  return playing;
}
