/** The end of a name, from its last dot on, is an extension only if it has at most this many characters. */
const MAX_EXTENSION = 10;

/** Shows the name of a file. If the name is too long for its line, the end of the part before the extension is cut. */
export function FileName({ name }: { name: string }) {
  const dot = name.lastIndexOf(".");
  const split = dot > 0 && name.length - dot <= MAX_EXTENSION ? dot : name.length;
  return (
    <>
      <span class="hidden">
        <bdi>{name}</bdi>
      </span>
      <span class="name" dir="auto" aria-hidden="true">
        <span class="stem">{name.slice(0, split)}</span>
        <span>{name.slice(split)}</span>
      </span>
    </>
  );
}
