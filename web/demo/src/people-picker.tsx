import type { Person } from "hearth-client";
import { useEffect, useRef, useState } from "preact/hooks";
import { Avatar } from "./avatar";
import { useChat } from "./context";
import { CloseIcon } from "./icons";
import { isComposing } from "./ime";
import { useStore } from "./store";

/** At most this many people are listed. The search finds the others. */
const MAX_SHOWN = 100;

interface Props {
  chosen: readonly Person[];
  onChange(chosen: readonly Person[]): void;
}

/**
 * Lets the user choose people from the directory, with a search by name. People who are not in the directory are added
 * by ID.
 */
export function PeoplePicker({ chosen, onChange }: Props) {
  const { people, error, load } = usePeople();
  const [query, setQuery] = useState("");
  const search = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const found = people?.filter(({ name }) => matches(name, query)) ?? [];
  const shown = found.slice(0, MAX_SHOWN);

  const remove = (person: Person) => onChange(chosen.filter(({ id }) => id !== person.id));
  const add = (person: Person) => onChange([...chosen.filter(({ id }) => id !== person.id), person]);
  const isChosen = (person: Person) => chosen.some(({ id }) => id === person.id);

  function searchKey(event: KeyboardEvent) {
    const [first] = shown;
    if (isComposing(event)) return;
    if (event.key === "Enter" && query.trim() !== "") {
      event.preventDefault(); // the form must not be sent
      if (first) add(first);
      if (first) setQuery("");
    } else if (event.key === "Backspace" && query === "") {
      onChange(chosen.slice(0, -1));
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      list.current?.querySelector("input")?.focus();
    }
  }

  function listKey(event: KeyboardEvent) {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const inputs = [search.current, ...(list.current?.querySelectorAll("input") ?? [])];
    inputs[inputs.indexOf(document.activeElement as HTMLInputElement) + step]?.focus();
  }

  return (
    <fieldset class="field people">
      <legend>People</legend>
      {chosen.length > 0 && (
        // biome-ignore lint/a11y/noRedundantRoles: Safari does not announce a list without markers as a list
        <ul role="list" class="chosen" aria-label="Chosen people">
          {chosen.map((person) => (
            <li key={person.id}>
              <button
                type="button"
                aria-label={`Remove ${person.name}`}
                onClick={() => {
                  remove(person);
                  search.current?.focus(); // the focused button disappears
                }}
              >
                <bdi>{person.name}</bdi>
                <CloseIcon />
              </button>
            </li>
          ))}
        </ul>
      )}
      <input
        ref={search}
        type="search"
        dir="auto"
        value={query}
        placeholder="Search by name"
        aria-label="Search people"
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => setQuery(event.currentTarget.value)}
        onKeyDown={searchKey}
      />
      {error && (
        <p class="error" role="alert">
          The list of people could not be loaded. {error}{" "}
          <button type="button" class="link-button" onClick={load}>
            Try again
          </button>
        </p>
      )}
      <p class="hint" role="status">
        {people ? summary(found.length, people.length, query) : !error && "Loading people …"}
      </p>
      {/* biome-ignore lint/a11y/noRedundantRoles: Safari does not announce a list without markers as a list */}
      <ul role="list" class="choice" aria-label="People" ref={list} onKeyDown={listKey}>
        {shown.map((person) => (
          <li key={person.id}>
            <label>
              <input
                type="checkbox"
                checked={isChosen(person)}
                onChange={() => (isChosen(person) ? remove(person) : add(person))}
              />
              <Avatar {...person} />
              <span>
                <bdi>{person.name}</bdi>
                {hasNamesake(person, shown) && (
                  <small>
                    ID <bdi>{person.id}</bdi>
                  </small>
                )}
              </span>
            </label>
          </li>
        ))}
      </ul>
      <AddById onAdd={(id) => add(people?.find((person) => person.id === id) ?? { id, name: id })} />
    </fieldset>
  );
}

/** A field to add somebody who is not in the directory, by ID. */
function AddById({ onAdd }: { onAdd(id: string): void }) {
  const { user } = useChat();
  const [id, setId] = useState("");
  function add() {
    const text = id.trim();
    if (text === "") return;
    onAdd(text);
    setId("");
  }
  return (
    <details>
      <summary>Add someone by ID</summary>
      <div class="add">
        <input
          value={id}
          aria-label="User ID"
          autocomplete="off"
          spellcheck={false}
          aria-describedby="add-hint"
          onInput={(event) => setId(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || isComposing(event)) return;
            event.preventDefault();
            add();
          }}
        />
        <button type="button" class="button quiet" onClick={add}>
          Add
        </button>
      </div>
      <p class="hint" id="add-hint">
        People find their ID here, too. Yours is <bdi class="id">{user.id}</bdi>.
      </p>
    </details>
  );
}

/** Returns everybody whom the user may write to, except the user, and loads the list again. */
function usePeople() {
  const { people: store, user } = useChat();
  const { people, error } = useStore(store);
  const load = () => store.load();
  useEffect(() => {
    load();
  }, [store]);
  return { people: people?.filter(({ id }) => id !== user.id), error, load };
}

/** Returns whether a name contains all words of the query, regardless of case and accents. */
function matches(name: string, query: string): boolean {
  return plain(query)
    .split(/\s+/)
    .every((word) => plain(name).includes(word));
}

function plain(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();
}

function hasNamesake(person: Person, people: readonly Person[]): boolean {
  return people.some(({ id, name }) => name === person.name && id !== person.id);
}

/** Returns the text about the number of people in the list, or "" if the list contains everybody. */
function summary(found: number, all: number, query: string): string {
  if (all === 0) return "Nobody else has signed in yet.";
  if (found === 0) return "Nobody has this name.";
  if (found > MAX_SHOWN) return `The first ${MAX_SHOWN} of ${found} people. Search to find the others.`;
  return query.trim() === "" ? "" : found === 1 ? "1 person" : `${found} people`;
}
