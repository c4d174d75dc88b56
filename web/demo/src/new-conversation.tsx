import { HearthError, limits } from "hearth-client";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Avatar } from "./avatar";
import { otherMembers, useChat } from "./context";
import { Dialog } from "./dialog";
import { errorText } from "./error-text";
import { isComposing } from "./ime";
import { go } from "./router";
import type { User } from "./session";
import { useStore } from "./store";

/**
 * The dialog that starts a conversation. Hearth has no directory of users, so it offers the people that the page knows:
 * the demo users, and the members of the user's conversations. Other people can be added by their ID.
 */
export function NewConversation({ users, onClose }: { users: User[]; onClose(): void }) {
  const { client, list, user } = useChat();
  const { threads } = useStore(list);
  const [added, setAdded] = useState<User[]>([]);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [id, setId] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ComponentChildren>();

  const known = new Map<string, User>();
  for (const person of [...users, ...threads.flatMap((thread) => otherMembers(thread, user)), ...added]) {
    // Where the server does not know a name, it sends the ID.
    const named = person.name !== person.id || !known.has(person.id);
    if (person.id !== user.id && named) known.set(person.id, { id: person.id, name: person.name });
  }

  function toggle(id: string) {
    setChosen((chosen) =>
      chosen.has(id) ? new Set([...chosen].filter((other) => other !== id)) : new Set([...chosen, id]),
    );
  }

  function addId() {
    const text = id.trim();
    if (text === "") return;
    if (!known.has(text)) setAdded([...added, { id: text, name: text }]);
    setChosen(new Set([...chosen, text]));
    setId("");
  }

  async function create(event: SubmitEvent) {
    event.preventDefault();
    const title = String(new FormData(event.currentTarget as HTMLFormElement).get("title")).trim();
    const memberIds = [...chosen];
    setBusy(true);
    setError(undefined);
    try {
      const { thread } = await client.api.createThread(memberIds, title || undefined);
      list.refresh().catch(() => {}); // the list shows the error and retries
      onClose();
      go(thread.id);
    } catch (error) {
      setBusy(false);
      const unknown = unknownMembers(error, memberIds);
      setError(
        unknown.length > 0 ? (
          <Unknown people={unknown.map((id) => known.get(id) ?? { id, name: id })} />
        ) : (
          errorText(error)
        ),
      );
    }
  }

  return (
    <Dialog class="form-dialog" label="New conversation" onClose={onClose}>
      <form onSubmit={create}>
        <h2>New conversation</h2>
        <fieldset class="field">
          <legend>People</legend>
          {/* biome-ignore lint/a11y/noRedundantRoles: Safari does not announce a list without markers as a list */}
          <ul role="list" class="choice">
            {[...known.values()].map((person) => (
              <li key={person.id}>
                <label>
                  <input type="checkbox" checked={chosen.has(person.id)} onChange={() => toggle(person.id)} />
                  <Avatar {...person} />
                  <span>
                    <bdi>{person.name}</bdi>
                  </span>
                </label>
              </li>
            ))}
          </ul>
        </fieldset>
        <div class="field">
          <label for="add-id">Add someone by ID</label>
          <div class="add">
            <input
              id="add-id"
              value={id}
              autocomplete="off"
              spellcheck={false}
              aria-describedby="add-hint"
              onInput={(event) => setId(event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key !== "Enter" || isComposing(event)) return;
                event.preventDefault();
                addId();
              }}
            />
            <button type="button" class="button quiet" onClick={addId}>
              Add
            </button>
          </div>
          <p class="hint" id="add-hint">
            People find their ID below their list of conversations.
          </p>
        </div>
        <div class="field">
          <label for="title">Title</label>
          <input
            id="title"
            name="title"
            dir="auto"
            maxLength={limits.titleChars}
            autocomplete="off"
            aria-describedby="title-hint"
          />
          <p class="hint" id="title-hint">
            Optional. If you already have a conversation with exactly these people, that one opens.
          </p>
        </div>
        {error && (
          <p class="error" role="alert">
            {error}
          </p>
        )}
        <div class="actions">
          <button type="button" class="button quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button" disabled={busy || chosen.size === 0}>
            {busy ? "One moment …" : "Start"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Returns the IDs of `memberIds` that the server does not know, according to its error. */
function unknownMembers(error: unknown, memberIds: string[]): string[] {
  if (!(error instanceof HearthError) || error.code !== "unknown_member") return [];
  return error.errors.flatMap(({ field }) => memberIds[Number(/^memberIds\[(\d+)\]$/.exec(field)?.[1] ?? -1)] ?? []);
}

/** Tells that people must sign in before anybody can start a conversation with them. */
function Unknown({ people }: { people: User[] }) {
  return (
    <>
      {people.length > 1
        ? "These people have never signed in to Hearth:"
        : "This person has never signed in to Hearth:"}{" "}
      {people.map(({ id, name }, index) => (
        <span key={id}>
          {index > 0 && ", "}
          {name !== id && (
            <>
              <bdi>{name}</bdi>, ID{" "}
            </>
          )}
          <bdi>{id}</bdi>
        </span>
      ))}
      . They must sign in once before you can start a conversation with them. If you have typed an ID, check it.
    </>
  );
}
