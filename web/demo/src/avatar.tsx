import { useContext, useState } from "preact/hooks";
import { Context } from "./context";
import { People } from "./people";
import { useStore } from "./store";

/**
 * An empty list of people, for the sign-in page: without a signed-in user, the page cannot load people and their
 * pictures.
 */
const NOBODY = new People({ people: async () => [] });

/**
 * Shows a person's picture, or else their initials on a colour that depends only on their ID. Hidden from screen readers,
 * because the person's name is always next to the avatar.
 */
export function Avatar({ id, name }: { id: string; name: string }) {
  const store = useContext(Context)?.people ?? NOBODY;
  const picture = useStore(store).people?.find((person) => person.id === id)?.avatarUrl;
  const [broken, setBroken] = useState<string>();
  return (
    <span class="avatar" data-tone={toneOf(id)} aria-hidden="true">
      {picture && picture !== broken ? (
        <img
          src={picture}
          alt=""
          onError={() => {
            setBroken(picture);
            store.renew();
          }}
        />
      ) : (
        initials(name)
      )}
    </span>
  );
}

/** Shows the avatars of a conversation: those of the first two people. */
export function Avatars({ people }: { people: { id: string; name: string }[] }) {
  return (
    <span class="avatars" data-count={Math.min(people.length, 2)}>
      {people.slice(0, 2).map((person) => (
        <Avatar key={person.id} {...person} />
      ))}
    </span>
  );
}

const TONES = 7;

function toneOf(id: string): number {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + character.charCodeAt(0)) % 65_521;
  return sum % TONES;
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const chosen = words.length > 1 ? [words[0], words.at(-1)] : words;
  return chosen
    .map((word) => [...(word ?? "")][0] ?? "")
    .join("")
    .toLocaleUpperCase();
}
