import { useEffect, useRef, useState } from "preact/hooks";
import { Avatar } from "./avatar";
import { useChat } from "./context";
import { errorText } from "./error-text";
import { useStore } from "./store";

/** The user's picture, with the ways to change and to remove it. */
export function Picture() {
  const { client, people: store, user } = useChat();
  const { people } = useStore(store);
  const has = people?.find(({ id }) => id === user.id)?.avatarUrl !== undefined;
  const picker = useRef<HTMLInputElement>(null);
  const change = useRef<HTMLButtonElement>(null);
  const [progress, setProgress] = useState("");
  const [error, setError] = useState<string>();
  const closing = useRef(new AbortController());
  useEffect(() => () => closing.current.abort(), []);

  async function set(image: File | null) {
    setError(undefined);
    setProgress(image ? "Uploading the picture …" : "Removing the picture …");
    const { signal } = closing.current;
    try {
      await client.setAvatar(image, { signal });
      await store.load();
      setProgress(image ? "Your picture was changed." : "Your picture was removed.");
    } catch (error) {
      if (signal.aborted) return;
      setProgress("");
      setError(errorText(error));
    }
    change.current?.focus(); // the button "Remove picture" may have had the focus and disappeared
  }

  return (
    <div class="picture">
      <Avatar id={user.id} name={user.name} />
      <input
        ref={picker}
        type="file"
        accept="image/*"
        hidden
        onChange={(event) => {
          const [image] = event.currentTarget.files ?? [];
          if (image) set(image);
          event.currentTarget.value = ""; // the browser reports no change if the same file is chosen again
        }}
      />
      <div class="actions">
        <button ref={change} type="button" class="button quiet" onClick={() => picker.current?.click()}>
          {has ? "Change picture" : "Add a picture"}
        </button>
        {has && (
          <button type="button" class="button quiet" onClick={() => set(null)}>
            Remove picture
          </button>
        )}
      </div>
      <p class="hint" role="status">
        {progress}
      </p>
      {error && (
        <p class="error" role="alert">
          The picture could not be changed. {error}
        </p>
      )}
    </div>
  );
}
