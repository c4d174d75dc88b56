import { useEffect, useMemo, useState } from "preact/hooks";
import { Chat } from "./chat";
import { Cognito } from "./cognito";
import type { Config } from "./config";
import { SignIn } from "./parts";
import { type EndReason, Session } from "./session";
import { SessionStore } from "./session-store";

export function App({ config }: { config: Config }) {
  const cognito = useMemo(() => new Cognito(config.cognitoUrl, config.clientId), [config]);
  const [session, setSession] = useState(() => Session.resume(cognito, end));
  const [reason, setReason] = useState<EndReason>();

  function end(reason: EndReason) {
    setReason(reason);
    setSession(undefined);
  }

  function resume() {
    setSession(Session.resume(cognito, end));
  }

  const waits = session === undefined && reason !== "other-user";
  useEffect(() => {
    // If a user signs in in another tab and stays signed in, this tab leaves the sign-in page and shows the same
    // session.
    return waits ? SessionStore.of({ stay: true }).onChange(resume) : undefined;
  }, [waits]);

  if (session) return <Chat key={session.user.id} config={config} session={session} />;
  return (
    <SignIn
      cognito={cognito}
      users={config.users}
      ended={reason}
      onResume={resume}
      onTokens={(tokens, stay) => setSession(Session.begin(cognito, tokens, stay, end))}
    />
  );
}
