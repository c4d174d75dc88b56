import { useEffect, useState } from "preact/hooks";
import { Avatar } from "./avatar";
import { useChat } from "./context";
import { errorText } from "./error-text";
import { go } from "./router";
import { useStore } from "./store";
import "./styles/welcome.css";

/** At most this many people are offered. The dialog for a new conversation has the others. */
const MAX_OFFERED = 8;

interface Props {
  /** Opens the dialog for a new conversation. */
  onNew(): void;
}

/** Offers people to write to, while no conversation is open. */
export function Welcome({ onNew }: Props) {
  const { client, people: store, user } = useChat();
  const { people } = useStore(store);
  const [error, setError] = useState<string>();
  useEffect(() => {
    if (!store.getSnapshot().people) store.load();
  }, [store]);
  const others = people?.filter(({ id }) => id !== user.id) ?? [];

  async function writeTo(id: string) {
    setError(undefined);
    try {
      const { thread } = await client.api.createThread([id]); // finds the conversation if there is one
      go(thread.id);
    } catch (error) {
      setError(errorText(error));
    }
  }

  return (
    <div class="welcome">
      <p>
        {people && others.length === 0
          ? "Nobody else has signed in yet. When somebody has, you can write to them here."
          : "Choose a conversation, or write to somebody."}
      </p>
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      {others.length > 0 && (
        // biome-ignore lint/a11y/noRedundantRoles: Safari does not announce a list without markers as a list
        <ul role="list" aria-label="People to write to">
          {others.slice(0, MAX_OFFERED).map((person) => (
            <li key={person.id}>
              <button type="button" onClick={() => writeTo(person.id)}>
                <Avatar {...person} />
                <span>
                  <span class="hidden">Write to </span>
                  <bdi>{person.name}</bdi>
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
      {others.length > 0 && (
        <button type="button" class="link-button" onClick={onNew}>
          Somebody else, or several people
        </button>
      )}
    </div>
  );
}
