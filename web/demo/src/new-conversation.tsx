import { HearthError, limits, type Person } from "hearth-client";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useChat } from "./context";
import { Dialog } from "./dialog";
import { errorText } from "./error-text";
import { PeoplePicker } from "./people-picker";
import { go } from "./router";
import { hasTouchScreen } from "./touch";

/** The dialog that starts a conversation. */
export function NewConversation({ onClose }: { onClose(): void }) {
  const { client } = useChat();
  const [chosen, setChosen] = useState<readonly Person[]>([]);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ComponentChildren>();

  async function create(event: SubmitEvent) {
    event.preventDefault();
    const title = String(new FormData(event.currentTarget as HTMLFormElement).get("title")).trim();
    const memberIds = chosen.map(({ id }) => id);
    setBusy(true);
    setError(undefined);
    try {
      const { thread } = await client.api.createThread(memberIds, title || undefined);
      onClose();
      go(thread.id);
    } catch (error) {
      setBusy(false);
      const unknown = unknownMembers(error, chosen);
      setError(unknown.length > 0 ? <Unknown people={unknown} /> : errorText(error));
    }
  }

  return (
    <Dialog class="form-dialog" label="New conversation" onClose={onClose}>
      <form onSubmit={create}>
        {hasTouchScreen() ? (
          <h2 tabIndex={-1} autofocus>
            New conversation
          </h2>
        ) : (
          <h2>New conversation</h2>
        )}
        <PeoplePicker chosen={chosen} onChange={setChosen} />
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
          <button type="submit" class="button" disabled={busy || chosen.length === 0}>
            {busy ? "One moment …" : "Start"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/**
 * Returns those of `people` whom the server does not know. The server's error names them by their index in the request.
 */
function unknownMembers(error: unknown, people: readonly Person[]): Person[] {
  if (!(error instanceof HearthError) || error.code !== "unknown_member") return [];
  return error.errors.flatMap(({ field }) => people[Number(/^memberIds\[(\d+)\]$/.exec(field)?.[1] ?? -1)] ?? []);
}

/** Tells that people must sign in before anybody can start a conversation with them. */
function Unknown({ people }: { people: Person[] }) {
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
