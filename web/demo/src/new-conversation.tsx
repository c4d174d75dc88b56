import { useState } from "preact/hooks";
import { Avatar } from "./avatar";
import { others, useChat } from "./context";
import { Dialog } from "./dialog";
import { composes } from "./keys";
import { go } from "./router";
import { sentence } from "./sentence";
import type { User } from "./session";
import { useStore } from "./store";

const MAX_TITLE = 100;

/**
 * Hearth has no directory of users. So this offers whom the page knows (the demo users, and everyone in the user's
 * conversations), and takes ids of others.
 */
export function NewConversation({ users, onClose }: { users: User[]; onClose(): void }) {
  const { client, list, user } = useChat();
  const { threads } = useStore(list);
  const [added, setAdded] = useState<User[]>([]);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [id, setId] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();

  const known = new Map<string, User>();
  for (const person of [...users, ...threads.flatMap((thread) => others(thread, user)), ...added]) {
    if (person.id !== user.id) known.set(person.id, { id: person.id, name: person.name });
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
    setBusy(true);
    setError(undefined);
    try {
      const { thread } = await client.api.createThread([...chosen], title || undefined);
      list.refresh().catch(() => {}); // the list shows it, and tries again
      onClose();
      go(thread.id);
    } catch (error) {
      setBusy(false);
      setError(sentence(error));
    }
  }

  return (
    <Dialog class="new-conversation" label="New conversation" onClose={onClose}>
      <form onSubmit={create}>
        <h2>New conversation</h2>
        <fieldset class="field">
          <legend>With</legend>
          {/* biome-ignore lint/a11y/noRedundantRoles: without markers, Safari takes it for no list */}
          <ul role="list" class="choice">
            {[...known.values()].map((person) => (
              <li key={person.id}>
                <label>
                  <input type="checkbox" checked={chosen.has(person.id)} onChange={() => toggle(person.id)} />
                  <Avatar {...person} />
                  <span>{person.name}</span>
                </label>
              </li>
            ))}
          </ul>
        </fieldset>
        <div class="field">
          <label for="add-id">Someone else, by their id</label>
          <div class="add">
            <input
              id="add-id"
              value={id}
              autocomplete="off"
              spellcheck={false}
              aria-describedby="add-hint"
              onInput={(event) => setId(event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key !== "Enter" || composes(event)) return;
                event.preventDefault();
                addId();
              }}
            />
            <button type="button" class="button quiet" onClick={addId}>
              Add
            </button>
          </div>
          <p class="hint" id="add-hint">
            They find it at the bottom of their list of conversations.
          </p>
        </div>
        <div class="field">
          <label for="title">Title</label>
          <input id="title" name="title" maxLength={MAX_TITLE} autocomplete="off" aria-describedby="title-hint" />
          <p class="hint" id="title-hint">
            Not needed. Where the same people have a conversation already, that one opens.
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
