/** An extension with more characters than this is not one. */
const MAX_EXTENSION = 10;

/** Shows the name of a file. If it is too long, its end before the extension is cut. */
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
