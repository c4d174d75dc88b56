import { useMemo, useState } from "preact/hooks";
import { Chat } from "./chat";
import { Cognito } from "./cognito";
import type { Config } from "./config";
import { Session } from "./session";
import { SignIn } from "./sign-in";

export function App({ config }: { config: Config }) {
  const cognito = useMemo(() => new Cognito(config.cognitoUrl, config.clientId), [config]);
  const [session, setSession] = useState(() => Session.resume(cognito, end));

  function end() {
    setSession(undefined);
  }

  if (session) return <Chat key={session.user.id} config={config} session={session} />;
  return (
    <SignIn
      cognito={cognito}
      users={config.users}
      onTokens={(tokens) => setSession(Session.begin(cognito, tokens, end))}
    />
  );
}
