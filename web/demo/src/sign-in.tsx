import { useState } from "preact/hooks";
import { Avatar } from "./avatar";
import { type Cognito, CognitoError, type NewPasswordNeeded, type Tokens } from "./cognito";
import type { DemoUser } from "./config";

interface Props {
  cognito: Cognito;
  users: DemoUser[];
  onTokens(tokens: Tokens): void;
}

/** The sign-in page: a button for each demo user, and a form for other accounts. */
export function SignIn({ cognito, users, onTokens }: Props) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const [first, setFirst] = useState<NewPasswordNeeded>();

  async function enter(attempt: Promise<Tokens | NewPasswordNeeded>) {
    setBusy(true);
    setError(undefined);
    try {
      const result = await attempt;
      if ("choose" in result) setFirst(result);
      else onTokens(result);
    } catch (error) {
      setError(
        error instanceof CognitoError
          ? error.message
          : "The sign-in service cannot be reached. Check your internet connection and try again.",
      );
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
          <button type="submit" class="button" disabled={busy}>
            {busy ? "One moment …" : first ? "Save and sign in" : "Sign in"}
          </button>
        </form>
      </div>
    </main>
  );
}
