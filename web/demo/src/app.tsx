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
    // Signing in in one tab signs in all tabs that show the sign-in page.
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
