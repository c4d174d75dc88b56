import type { ThreadEntry } from "hearth-client";
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/**
 * Returns the key of the entry whose audio or video is playing in the list; undefined if none is. The timeline keeps the
 * row of this entry, because a player stops when it leaves the document. When a player starts, the others pause.
 *
 * `rendered` are the entries of the messages in the list.
 */
export function usePlaying(list: RefObject<HTMLElement | null>, rendered: RefObject<readonly ThreadEntry[]>) {
  const [playing, setPlaying] = useState<string>();
  const player = useRef<EventTarget>(null);
  useEffect(() => {
    const element = list.current;
    if (!element) return;
    const started = ({ target }: Event) => {
      player.current = target;
      const items = [...element.querySelectorAll(":scope > .message")];
      const index = items.findIndex((item) => item.contains(target as Node));
      setPlaying(rendered.current[index]?.key);
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
