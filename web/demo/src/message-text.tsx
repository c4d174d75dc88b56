import { useMemo } from "preact/hooks";
import { splitLinks } from "./links";

/** Shows the text of a message, in which URLs can be clicked. */
export function MessageText({ text }: { text: string }) {
  const parts = useMemo(() => splitLinks(text), [text]);
  return (
    <>
      {parts.map(({ text, href }, index) =>
        href ? (
          <a key={index} href={href} target="_blank" rel="noopener noreferrer">
            {text}
          </a>
        ) : (
          text
        ),
      )}
    </>
  );
}
