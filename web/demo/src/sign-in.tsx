import { useState } from "preact/hooks";
import { Avatar } from "./avatar";
import type { Cognito, NewPasswordNeeded, Tokens } from "./cognito";
import type { DemoUser } from "./config";
import { errorText } from "./error-text";
import type { EndReason } from "./session";
import { SessionStore } from "./session-store";

/** What the page says about the session that has ended. */
const ENDED: Record<Exclude<EndReason, "signed-out">, string> = {
  "signed-out-everywhere": "You are signed out on all devices. A device that is in use may take an hour to notice.",
  "other-tab": "You have signed out in another tab of this browser.",
  "other-user": "Somebody else has signed in in another tab of this browser.",
  refused: "Your session has expired, or was ended on another device. Sign in again to continue.",
  "no-account": "Your account was removed. Ask the person who manages the accounts for a new one.",
};

interface Props {
  cognito: Cognito;
  users: DemoUser[];
  /** Why the user's session has ended; undefined if there was none. */
  ended: EndReason | undefined;
  /** Continues the session that all tabs share. */
  onResume(): void;
  onTokens(tokens: Tokens, stay: boolean): void;
}

/** The sign-in page: a button for each demo user, and a form for other accounts. */
export function SignIn({ cognito, users, ended, onResume, onTokens }: Props) {
  const shared = SessionStore.sharedUser();
  const [stay, setStay] = useState(true);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const [first, setFirst] = useState<NewPasswordNeeded>();

  async function enter(attempt: Promise<Tokens | NewPasswordNeeded>) {
    setBusy(true);
    setError(undefined);
    try {
      const result = await attempt;
      if ("choose" in result) setFirst(result);
      else onTokens(result, stay);
    } catch (error) {
      setError(errorText(error));
    } finally {
      setBusy(false);
    }
  }

  function submit(event: SubmitEvent) {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const password = String(form.get("password"));
    enter(first ? first.choose(password) : cognito.signIn(String(form.get("email")), password));
  }

  return (
    <main class="sign-in">
      <div class="card">
        <img class="logo" src="./favicon.svg" alt="" width="56" height="56" />
        <h1>{first ? "Choose a password" : "Welcome to Hearth"}</h1>
        <p class="lead">{first ? "Replace your temporary password with your own." : "Where your family talks."}</p>
        {ended && ended !== "signed-out" && !error && (
          <p class="ended" role="status">
            {ENDED[ended]}
          </p>
        )}
        {shared && !first && (
          <button type="button" class="button" onClick={onResume}>
            <span>
              Continue as <bdi>{shared.name}</bdi>
            </span>
          </button>
        )}
        {error && (
          <p class="error" role="alert">
            {error}
          </p>
        )}
        {!first && users.length > 0 && (
          <>
            {/* biome-ignore lint/a11y/noRedundantRoles: Safari does not announce a list without markers as a list */}
            <ul role="list" class="people">
              {users.map((user) => (
                <li key={user.id}>
                  <button
                    type="button"
                    class="person"
                    disabled={busy}
                    onClick={() => enter(cognito.signIn(user.email, user.password))}
                  >
                    <Avatar id={user.id} name={user.name} />
                    <span>
                      <span class="hidden">Sign in as </span>
                      <bdi>{user.name}</bdi>
                    </span>
                  </button>
                </li>
              ))}
            </ul>
            <p class="or">or use your own account</p>
          </>
        )}
        {/* The key makes a new form for each step, so that its fields start empty. */}
        <form key={first ? "choose" : "enter"} onSubmit={submit}>
          {!first && (
            <div class="field">
              <label for="email">E-mail</label>
              <input id="email" name="email" type="email" autocomplete="username" required />
            </div>
          )}
          <div class="field">
            <label for="password">{first ? "New password" : "Password"}</label>
            <input
              id="password"
              name="password"
              type="password"
              autocomplete={first ? "new-password" : "current-password"}
              aria-describedby={first ? "rules" : undefined}
              required
            />
            {first && (
              <p class="hint" id="rules">
                Use at least 12 characters, with upper and lower case letters, a digit and a symbol.
              </p>
            )}
          </div>
          {!first && (
            <div>
              <label class="switch">
                <input
                  type="checkbox"
                  checked={stay}
                  aria-describedby="stay-hint"
                  onChange={(event) => setStay(event.currentTarget.checked)}
                />
                Stay signed in
              </label>
              <p class="hint" id="stay-hint">
                In all tabs of this browser, for up to 30 days. Otherwise only in this tab.
              </p>
            </div>
          )}
          <button type="submit" class="button" disabled={busy}>
            {busy ? "One moment …" : first ? "Save and sign in" : "Sign in"}
          </button>
        </form>
      </div>
    </main>
  );
}
